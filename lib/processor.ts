/** Everything between people's input and the model's: tokens, chat template, image tiles. */

import { isInt32Array } from 'node:util/types';
import { type ChatMessage, separateImages } from './chat-message.js';
import { ChatTemplate, type ChatTemplateOptions } from './chat-template.js';
import { checkArray, checkBoolean, checkInteger, checkOptions, checkSignal, checkString, reading } from './check.js';
import type { DecodeOptions, ImageSource } from './image/decode.js';
import type { PreparedImage } from './image/prepare.js';
import type { UrlFetcher } from './image/source.js';
import type { NativeBinding, NativeModelInfo, NativePromptPart } from './native/binding.js';
import type { Engine } from './native/engine.js';

/** More than any context holds. */
const MAX_TOKENS = 1 << 24;
/** Ids cross the binding as i32, which would wrap anything else. */
const I32 = { min: 0, max: 0x7fff_ffff };

/** How image URLs are fetched is the configuration's to say; `signal` stops it. */
export type PrepareImageOptions = Omit<DecodeOptions, 'fetchUrl'>;

export class Processor {
  readonly #engine: Engine;
  readonly #info: NativeModelInfo;
  readonly #tileImage: NativeBinding['tileImage'];
  readonly #fetcher: () => UrlFetcher | undefined;
  #template: ChatTemplate | undefined;

  /** @param fetcher asked with every image how URLs are read; undefined: not at all */
  constructor(
    engine: Engine,
    info: NativeModelInfo,
    tileImage: NativeBinding['tileImage'],
    fetcher: () => UrlFetcher | undefined,
  ) {
    this.#engine = engine;
    this.#info = info;
    this.#tileImage = tileImage;
    this.#fetcher = fetcher;
  }

  /**
   * Token ids. A string is plain text: control tokens in it stay text; a prompt is as `applyChatTemplate` returns it.
   * Nothing is added, no begin-of-text either.
   */
  tokenize(input: string | NativePromptPart[]): Int32Array {
    if (reading('input cannot be read', () => Array.isArray(input))) {
      return this.#engine.tokenize(checkArray('input', input as NativePromptPart[], MAX_TOKENS));
    }
    return this.#engine.tokenize([{ text: checkString('input', input) }]);
  }

  detokenize(tokens: Int32Array | readonly number[]): string {
    const ids = isInt32Array(tokens) ? tokens : checkArray('tokens', tokens, MAX_TOKENS);
    return this.#engine.detokenize(Int32Array.from(ids, (token, i) => checkInteger(`tokens[${i}]`, token, I32)));
  }

  /**
   * The prompt of a conversation in the model's own format.
   *
   * @throws InvalidArgumentError when a message is malformed or the template refuses it; ModelFormatError when the
   * template fails
   */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatTemplateOptions): NativePromptPart[] {
    this.#template ??= new ChatTemplate(this.#info);
    return this.#template.render(separateImages(messages).messages, options);
  }

  /**
   * Decodes an image and cuts it into the model's tiles.
   *
   * @throws InvalidArgumentError, ImageDecodeError, ImageLimitError, IoError, ConnectionError, the reason of the signal
   */
  async prepareImage(source: ImageSource, options?: PrepareImageOptions): Promise<PreparedImage> {
    const given = checkOptions('options', options, ['upright', 'limits', 'signal']);
    if (given.upright !== undefined) checkBoolean('upright', given.upright);
    if (given.signal !== undefined) checkSignal('signal', given.signal);
    // The decoder is loaded with the first image: text alone does not pay for it.
    const { prepareImage } = await import('./image/prepare.js');
    return prepareImage(source, this.#info, this.#tileImage, { ...given, fetchUrl: this.#fetcher() });
  }

  /** An image as the bytes of a file, for keeping. @throws as `prepareImage` for what cannot be read */
  async readImage(source: ImageSource, signal?: AbortSignal): Promise<Uint8Array> {
    if (signal !== undefined) checkSignal('signal', signal);
    const { readImage } = await import('./image/decode.js');
    return readImage(source, { fetchUrl: this.#fetcher(), signal });
  }
}

/** A prompt as one string, control tokens by their text. */
export function promptText(prompt: readonly NativePromptPart[]): string {
  return prompt.map((part) => ('special' in part ? part.special : 'text' in part ? part.text : '')).join('');
}
