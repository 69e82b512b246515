/** A conversation that goes on: remembers what was said, and leaves out the oldest turns when it no longer fits. */

import { abortable } from './abortable.js';
import { runChat } from './chat.js';
import type { ChatMessage } from './chat-message.js';
import {
  checkBoolean,
  checkInstance,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkPath,
  checkString,
  isInstance,
} from './check.js';
import { checkSection } from './config-schema.js';
import { type ExportOptions, exportText, timestampedName, writeConversation } from './conversation/export.js';
import { type ImportOptions, readConversation } from './conversation/import.js';
import {
  assistantMessage,
  type ConversationInput,
  type ConversationMessage,
  checkInput,
  imagesOf,
  messagesOf,
  type Turn,
  turnsToDrop,
  type UserMessage,
  userMessage,
} from './conversation/turn.js';
import { EncodedImage, fileOf, type ImageInput } from './encoded-image.js';
import type { Generation } from './generation.js';
import { beginGeneration, type GenerateOptions, resolveParameters } from './generation-parameters.js';
import type { ImageSource } from './image/decode.js';
import type { GenerationResult } from './run-generation.js';
import { TextGenerator } from './text-generator.js';

export interface ConversationOptions {
  /** Turns (a question and its answer) that are remembered; 1 … 1000. Default: 10 */
  maxHistory?: number | undefined;
}

export interface ConversationResult<T = unknown> extends GenerationResult<T> {
  /** Turns that left the history with this one, because of `maxHistory` or to make room in the context. */
  droppedTurns: number;
}

export interface HistorySummary {
  totalMessages: number;
  userMessages: number;
  assistantMessages: number;
  systemMessage: string | null;
  /** The last four. */
  latestMessages: ConversationMessage[];
}

export interface ImportReport {
  /** Turns that the history holds now. */
  turns: number;
  /** Older ones of the file that are over `maxHistory`. */
  droppedTurns: number;
}

const LATEST = 4;
const MAX_HISTORY = { min: 1, max: 1000 };

/** The turns of one history. `clearHistory` and `importConversation` begin another. */
interface History {
  turns: readonly Turn[];
}

export class ConversationManager {
  readonly maxHistory: number;
  readonly #generator: TextGenerator;
  readonly #open = new Set<Generation<ConversationResult>>();
  #history: History = { turns: [] };
  #systemMessage: string | null = null;

  /** @throws InvalidArgumentError */
  constructor(generator: TextGenerator, options?: ConversationOptions) {
    this.#generator = checkInstance('textGenerator', generator, TextGenerator, 'a TextGenerator');
    const { maxHistory = 10 } = checkOptions('options', options, ['maxHistory']);
    this.maxHistory = checkInteger('maxHistory', maxHistory, MAX_HISTORY);
  }

  /** What was said, oldest first, without the system message. A copy; its messages are frozen. */
  get conversationHistory(): readonly ConversationMessage[] {
    return messagesOf(this.#history.turns);
  }

  /** null: none */
  get systemMessage(): string | null {
    return this.#systemMessage;
  }

  /** Goes before every turn that is begun from now on; "" and null take it away. @throws InvalidArgumentError */
  setSystemMessage(text: string | null): void {
    this.#systemMessage = text === null || checkString('systemMessage', text) === '' ? null : text;
  }

  /**
   * Answers what the user says next. Await the result, or iterate over its pieces; a turn that has ended well is put
   * into the history. One that fails or is cancelled, be it by leaving the loop, leaves the history as it was.
   *
   * Before it begins, the oldest turns are left out, each with its images, until the prompt and `maxTokens` fit
   * `contextSize` and the images fit `maxImages`. The system message and the new message are never cut.
   *
   * Turns answer one after another, in the order of the calls. One that waits lets those before it run to their end, read
   * or not. Images are read once, when the call is made; later turns see them again, an encoded one also after its
   * release. `timeout` counts from the call.
   *
   * @param input a text, or texts and images: `[{ type: 'image', image: 'chart.png' }, { type: 'text', text: '…' }]`
   * @param options `systemMessage` goes before that of the conversation, for this turn
   *
   * The generation rejects as that of `TextGenerator.chatGenerate`; with `ContextFullError` when the new message alone
   * does not fit.
   */
  generateResponse<T = unknown>(
    input: ConversationInput,
    options?: GenerateOptions<T>,
  ): Generation<ConversationResult<T>> {
    const start = performance.now();
    const history = this.#history;
    const earlier = [...this.#open];
    const ownSystem = this.#systemMessage ?? undefined;
    const turn = beginGeneration(options, async (own, control) => {
      const content = checkInput(input);
      const { parameters, given } = resolveParameters(checkSection(this.#generator.config, 'generation'), own);
      const chat = { ...given, ...parameters, systemMessage: given.systemMessage ?? ownSystem };
      const user = await abortable(this.#userMessage(content, control.signal), control.signal);
      await abortable(Promise.allSettled(earlier), control.signal); // which drains them
      const before = history.turns;
      const kept = before.slice(this.#turnsToDrop(before, user, chat));
      const messages = [...messagesOf(kept), user];
      const result = await runChat(this.#generator, { messages, options: chat, start }, control);
      const after = [...kept, { user, assistant: assistantMessage(result.response) }];
      history.turns = after.slice(-this.maxHistory);
      return { ...result, droppedTurns: before.length + 1 - history.turns.length };
    });
    this.#open.add(turn);
    turn.settled.then(() => this.#open.delete(turn));
    return turn;
  }

  /** Forgets what was said; the system message stays. A turn that is under way ends, but is not remembered. */
  clearHistory(): void {
    this.#history = { turns: [] };
  }

  getHistorySummary(): HistorySummary {
    const messages = messagesOf(this.#history.turns);
    const { length } = this.#history.turns;
    return {
      totalMessages: messages.length,
      userMessages: length,
      assistantMessages: length,
      systemMessage: this.#systemMessage,
      latestMessages: messages.slice(-LATEST),
    };
  }

  /**
   * Writes the conversation to a file, its folder made where it is missing; `importConversation` reads the JSON back. In
   * Markdown and text an image is a mark.
   *
   * @param filename ends in .json, .md or .txt. Default: JSON in `paths.outputDir`, its name says when
   * @returns the file name
   * @throws InvalidArgumentError for another ending, a wrong option, or more than 128 MiB of JSON
   * @throws IoError when the file is there already (see `overwrite`) or cannot be written
   */
  async exportConversation(filename?: string, options?: ExportOptions): Promise<string> {
    const { images = 'embed', overwrite = false } = checkOptions('options', options, ['images', 'overwrite']);
    checkOneOf('images', images, ['embed', 'reference']);
    checkBoolean('overwrite', overwrite);
    const file = filename ?? timestampedName(checkSection(this.#generator.config, 'paths').outputDir, new Date());
    const conversation = { systemMessage: this.#systemMessage, messages: messagesOf(this.#history.turns) };
    const text = exportText(checkPath('filename', file), conversation, images);
    if (filename === undefined) return writeConversation(file, text, 'number');
    return writeConversation(file, text, overwrite ? 'replace' : 'refuse');
  }

  /**
   * Takes over the history and the system message of a JSON file that `exportConversation` wrote. Nothing changes when it
   * is refused. A turn that is under way ends, but is not remembered.
   *
   * @throws InvalidArgumentError when it is no such file, or one over the limits (128 MiB, 16 levels)
   * @throws IoError when it cannot be read; ImageDecodeError, ImageLimitError for its images; ModelNotLoadedError when it
   * names images by references, and no model is loaded
   */
  async importConversation(file: string, options?: ImportOptions): Promise<ImportReport> {
    const { allowReferences = false } = checkOptions('options', options, ['allowReferences']);
    checkBoolean('allowReferences', allowReferences);
    const readImage = allowReferences ? (source: ImageSource) => this.#readImage(source) : undefined;
    const { systemMessage, turns } = await readConversation(checkPath('file', file), readImage);
    this.#history = { turns: turns.slice(-this.maxHistory) };
    this.#systemMessage = systemMessage;
    const { length } = this.#history.turns;
    return { turns: length, droppedTurns: turns.length - length };
  }

  async #userMessage(input: ConversationInput, signal: AbortSignal): Promise<UserMessage> {
    this.#generator.manager.requireModel(); // before files are read and others waited for
    return userMessage(input, (source) => this.#readImage(source, signal));
  }

  async #readImage(source: ImageInput, signal?: AbortSignal): Promise<Uint8Array> {
    const model = this.#generator.manager.requireModel();
    return isInstance(source, EncodedImage) ? fileOf(source, model) : model.processor.readImage(source, signal);
  }

  #turnsToDrop(
    turns: readonly Turn[],
    user: UserMessage,
    { systemMessage, dateString, maxTokens }: GenerateOptions & { maxTokens: number },
  ): number {
    const { info, processor } = this.#generator.manager.requireModel();
    const system: ChatMessage[] = systemMessage ? [{ role: 'system', content: systemMessage }] : [];
    return turnsToDrop(turns, (kept) => {
      const messages = [...messagesOf(kept), user];
      if (messages.flatMap(imagesOf).length > info.maxImages) return false;
      const prompt = processor.applyChatTemplate([...system, ...messages], { dateString });
      return processor.tokenize(prompt).length + maxTokens <= info.contextSize;
    });
  }
}
