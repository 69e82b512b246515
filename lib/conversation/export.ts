/** A conversation as a file: JSON that can be read back, Markdown or plain text for people. */

import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, extname, join, parse } from 'node:path';
import { fail } from '../check.js';
import { InvalidArgumentError, IoError } from '../errors.js';
import { sniffFormat } from '../image/format.js';
import type { ConversationMessage, KeptImage } from './turn.js';
import { imagesOf } from './turn.js';

/** What is read and written of conversations in JSON. */
export const CONVERSATION_FILE = {
  version: 1,
  /** Images included, which base64 makes a third longer. */
  maxBytes: 128 * 1024 * 1024,
  /** Levels of nesting. */
  maxDepth: 16,
  /** Objects, arrays and their members in all; 1000 turns with a few images each stay far below. */
  maxValues: 100_000,
} as const;

export interface Conversation {
  systemMessage: string | null;
  messages: readonly ConversationMessage[];
}

export interface ExportOptions {
  /**
   * How JSON holds images: "embed" as data URLs, "reference" by the path or URL by which they were given (those given as
   * bytes are embedded). Default: "embed"
   */
  images?: 'embed' | 'reference' | undefined;
  /** Replace a file that is there. Default: false */
  overwrite?: boolean | undefined;
}

type Format = (conversation: Conversation, images: 'embed' | 'reference') => string;

const FORMATS: Record<string, Format> = { '.json': toJson, '.md': toMarkdown, '.txt': toText };

/**
 * The conversation in the format that the ending of the file name says.
 *
 * @throws InvalidArgumentError for another ending than .json, .md or .txt, or when JSON would be longer than can be read
 * back
 */
export function exportText(file: string, conversation: Conversation, images: 'embed' | 'reference'): string {
  const extension = extname(file).toLowerCase();
  const format = Object.hasOwn(FORMATS, extension) ? FORMATS[extension] : undefined;
  if (!format) fail('filename', `a name that ends in ${Object.keys(FORMATS).join(', ')}`, file);
  return format(conversation, images);
}

/**
 * @param existing what to do where a file of that name is there: refuse it, replace it, or take the name with a number
 * @returns the file name
 * @throws IoError when the file is there already or cannot be written
 */
export async function writeConversation(
  file: string,
  text: string,
  existing: 'refuse' | 'replace' | 'number',
): Promise<string> {
  try {
    await mkdir(dirname(file), { recursive: true });
    if (existing === 'number') return await createNumbered(file, text);
    await (existing === 'replace' ? replaceFile : createFile)(file, text);
    return file;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'it is there already; choose another name, or pass overwrite: true' : message;
    throw new IoError(`The conversation cannot be written to ${file}: ${why}`, { cause });
  }
}

/** A file name in `folder` that says when. */
export function timestampedName(folder: string, now: Date): string {
  return join(folder, `conversation-${now.toISOString().replace(/[:.]/g, '-')}.json`);
}

async function createNumbered(file: string, text: string): Promise<string> {
  const { dir, name, ext } = parse(file);
  let unused = file;
  for (let n = 2; ; n++) {
    try {
      await createFile(unused, text);
      return unused;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      unused = join(dir, `${name}-${n}${ext}`);
    }
  }
}

async function createFile(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(text);
  } catch (cause) {
    await rm(file, { force: true });
    throw cause;
  } finally {
    await handle.close();
  }
}

/** Writes to a temporary name first, so that a crash leaves the old file. */
async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}

function toJson({ systemMessage, messages }: Conversation, images: 'embed' | 'reference'): string {
  const isEmbedded = ({ reference }: KeptImage) => images === 'embed' || reference === undefined;
  const embedded = messages.flatMap(imagesOf).filter(isEmbedded);
  checkLength(embedded.reduce((sum, { image }) => sum + Math.ceil(image.length / 3) * 4, 0)); // before they are
  const content = (message: ConversationMessage) => {
    if (typeof message.content === 'string') return message.content;
    return message.content.map((item) => {
      if (item.type === 'text') return item;
      return isEmbedded(item) ? { ...item, image: dataUrl(item.image) } : { type: 'image', image: item.reference };
    });
  };
  const plain = messages.map((message) => ({ role: message.role, content: content(message) }));
  const { version } = CONVERSATION_FILE;
  const text = `${JSON.stringify({ version, systemMessage, messages: plain }, null, 2)}\n`;
  checkLength(Buffer.byteLength(text));
  return text;
}

function checkLength(bytes: number): void {
  if (bytes <= CONVERSATION_FILE.maxBytes) return;
  throw new InvalidArgumentError(
    `The conversation takes ${bytes} bytes in JSON, more than ${CONVERSATION_FILE.maxBytes}: ` +
      'pass images: "reference", or export it as Markdown or text',
  );
}

function dataUrl(bytes: Uint8Array): string {
  const format = sniffFormat(bytes);
  const type = format === null ? '' : `image/${format}`;
  return `data:${type};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}`;
}

function toMarkdown({ systemMessage, messages }: Conversation): string {
  const parts = sections(systemMessage, messages).map(([title, text]) => `## ${title}\n\n${text}`);
  return `${['# Conversation', ...parts].join('\n\n')}\n`;
}

function toText({ systemMessage, messages }: Conversation): string {
  return `${sections(systemMessage, messages)
    .map(([title, text]) => `${title}: ${text}`)
    .join('\n\n')}\n`;
}

const TITLES = { user: 'User', assistant: 'Assistant' } as const;

/** Who says what; an image is a mark with its number. */
function sections(
  systemMessage: string | null,
  messages: readonly ConversationMessage[],
): [title: string, text: string][] {
  let images = 0;
  const mark = ({ reference, image }: KeptImage) =>
    `[image ${++images}: ${reference?.replace(/\s+/g, ' ') ?? `${sniffFormat(image) ?? 'unknown'}, ${image.length} bytes`}]`;
  const said = messages.map(({ role, content }): [string, string] => {
    if (typeof content === 'string') return [TITLES[role], content];
    return [TITLES[role], content.map((item) => (item.type === 'text' ? item.text : mark(item))).join('\n')];
  });
  return systemMessage === null ? said : [['System', systemMessage], ...said];
}
