/** Reads a conversation back from JSON. The file may be a stranger's: it is limited, checked, and opens no other file. */

import { readFile, stat } from 'node:fs/promises';
import { show } from '../check.js';
import { InvalidArgumentError, IoError } from '../errors.js';
import type { ImageSource } from '../image/decode.js';
import { CONVERSATION_FILE, type Conversation } from './export.js';
import { assistantMessage, type KeptItem, type Turn, type UserMessage } from './turn.js';

export interface ImportOptions {
  /**
   * Read images that the file names by a path or URL: only for files that you trust, since it may name any file and any
   * address. Default: false
   */
  allowReferences?: boolean | undefined;
}

export interface ImportedConversation extends Pick<Conversation, 'systemMessage'> {
  turns: Turn[];
}

type ReadImage = (source: ImageSource) => Promise<Uint8Array>;

/**
 * @param readImage reads what the file names by a path or URL; undefined: refused
 * @throws InvalidArgumentError naming the place of what is wrong; IoError when it cannot be read; ImageDecodeError for a
 * malformed data URL; what `readImage` throws
 */
export async function readConversation(file: string, readImage: ReadImage | undefined): Promise<ImportedConversation> {
  const text = await readText(file);
  const refuse: Refuse = (what) => {
    throw new InvalidArgumentError(`The conversation file ${file} cannot be used: ${what}`);
  };
  checkStructure(text, refuse);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    refuse(`it is not valid JSON (${(cause as Error).message})`);
  }
  return new Reader(refuse, readImage).conversation(value);
}

type Refuse = (what: string) => never;

async function readText(file: string): Promise<string> {
  const { maxBytes } = CONVERSATION_FILE;
  let bytes: Buffer;
  try {
    const info = await stat(file); // before opening: a pipe would block, a device never ends
    if (!info.isFile()) throw new Error('it is not a regular file');
    if (info.size > maxBytes) throw new Error(`it has ${info.size} bytes, more than ${maxBytes}`);
    bytes = await readFile(file);
  } catch (cause) {
    throw new IoError(`The conversation file ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InvalidArgumentError(`The conversation file ${file} cannot be used: it is not UTF-8`, { cause });
  }
}

/** One pass over what is outside of strings, before the parser, which a file of brackets or commas keeps busy for long. */
function checkStructure(text: string, refuse: Refuse): void {
  const { maxDepth, maxValues } = CONVERSATION_FILE;
  let depth = 0;
  let values = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') i = endOfString(text, i);
    else if (character === '[' || character === '{') {
      if (++depth > maxDepth) refuse(`it is nested deeper than ${maxDepth} levels`);
      values++;
    } else if (character === ']' || character === '}') depth--;
    else if (character === ',') values++;
    if (values > maxValues) refuse(`it holds more than ${maxValues} values`);
  }
}

/** The place of the closing quote; the end of the text where there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

class Reader {
  readonly #refuse: Refuse;
  readonly #readImage: ReadImage | undefined;

  constructor(refuse: Refuse, readImage: ReadImage | undefined) {
    this.#refuse = refuse;
    this.#readImage = readImage;
  }

  async conversation(value: unknown): Promise<ImportedConversation> {
    const root = this.#object('the file', value);
    if (root.version !== CONVERSATION_FILE.version) {
      this.#refuse(`version is ${show(root.version)}, but must be ${CONVERSATION_FILE.version}`);
    }
    const { systemMessage, messages } = root;
    if (systemMessage !== null && typeof systemMessage !== 'string') {
      this.#refuse(`systemMessage is ${show(systemMessage)}, but must be a string or null`);
    }
    if (!Array.isArray(messages) || messages.length % 2 !== 0) {
      this.#refuse(`messages is ${show(messages)}, but must be an array of pairs: user, assistant`);
    }
    const turns: Turn[] = [];
    for (let i = 0; i < messages.length; i += 2) turns.push(await this.#turn(messages, i));
    return { systemMessage, turns };
  }

  async #turn(messages: readonly unknown[], i: number): Promise<Turn> {
    const user = this.#object(`messages[${i}]`, messages[i]);
    const assistant = this.#object(`messages[${i + 1}]`, messages[i + 1]);
    if (user.role !== 'user') this.#refuse(`messages[${i}].role is ${show(user.role)}, but must be "user"`);
    if (assistant.role !== 'assistant') {
      this.#refuse(`messages[${i + 1}].role is ${show(assistant.role)}, but must be "assistant"`);
    }
    if (typeof assistant.content !== 'string') {
      this.#refuse(`messages[${i + 1}].content is ${show(assistant.content)}, but must be a string`);
    }
    return {
      user: await this.#userMessage(`messages[${i}].content`, user.content),
      assistant: assistantMessage(assistant.content),
    };
  }

  async #userMessage(name: string, content: unknown): Promise<UserMessage> {
    if (typeof content === 'string') return Object.freeze({ role: 'user', content });
    if (!Array.isArray(content)) this.#refuse(`${name} is ${show(content)}, but must be a string or an array`);
    const items: KeptItem[] = [];
    for (const [j, value] of content.entries()) items.push(await this.#item(`${name}[${j}]`, value));
    return Object.freeze({ role: 'user', content: Object.freeze(items) });
  }

  async #item(name: string, value: unknown): Promise<KeptItem> {
    const { type, text, image, reference } = this.#object(name, value);
    if (type === 'text' && typeof text === 'string') return Object.freeze({ type, text });
    if (type !== 'image' || typeof image !== 'string') {
      this.#refuse(`${name} must be { type: "text", text } or { type: "image", image }`);
    }
    if (reference !== undefined && typeof reference !== 'string') {
      this.#refuse(`${name}.reference is ${show(reference)}, but must be a string`);
    }
    return this.#image(name, image, reference);
  }

  async #image(name: string, image: string, reference: string | undefined): Promise<KeptItem> {
    const { readImage } = await import('../image/decode.js');
    if (/^data:/i.test(image)) {
      const bytes = await readImage(image);
      return Object.freeze({ type: 'image', image: bytes, ...(reference !== undefined && { reference }) });
    }
    if (!this.#readImage) {
      this.#refuse(`${name}.image is a path or URL (${show(image)}); pass allowReferences: true if you trust the file`);
    }
    return Object.freeze({ type: 'image', image: await this.#readImage(image), reference: image });
  }

  #object(name: string, value: unknown): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#refuse(`${name} is ${show(value)}, but must be an object`);
    }
    return value as Record<string, unknown>;
  }
}
