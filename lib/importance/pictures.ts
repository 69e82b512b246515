/** Pictures to collect from, each with the answer that lies beside it. */

import { open, readFile } from 'node:fs/promises';
import { dirname, join, parse } from 'node:path';
import type { ChatMessage } from '../chat-message.js';
import { BllossomError, errorLike, InvalidArgumentError, IoError } from '../errors.js';
import { isFolder, listImages } from '../image/folder.js';
import { SUPPORTED_FORMATS } from '../image/format.js';
import type { PreparedImage } from '../image/prepare.js';
import type { NativePromptPart } from '../native/binding.js';
import type { Processor } from '../processor.js';

export interface Picture {
  file: string;
  /** The text of the file of the same name that ends in .txt; undefined without one. */
  answer: string | undefined;
}

const HEAD_BYTES = 64;

/**
 * The pictures that paths mean: files, and the pictures in folders.
 *
 * @throws InvalidArgumentError for a folder without a picture, an answer that is empty or not UTF-8; IoError
 */
export async function findPictures(paths: readonly string[]): Promise<Picture[]> {
  const pictures: Picture[] = [];
  for (const path of paths) {
    for (const file of await filesOf(path)) pictures.push({ file, answer: await readAnswer(file) });
  }
  return pictures;
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await isFolder(path))) {
    await readHead(path);
    return [path];
  }
  const files = await reading(path, () => listImages(path, readHead));
  if (files.length > 0) return files;
  throw new InvalidArgumentError(`The folder ${path} holds no picture (${SUPPORTED_FORMATS})`);
}

function readHead(file: string): Promise<Uint8Array> {
  return reading(file, async () => {
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  });
}

async function readAnswer(picture: string): Promise<string | undefined> {
  const file = join(dirname(picture), `${parse(picture).name}.txt`);
  const bytes = await readFile(file).catch((cause) => {
    if (cause.code === 'ENOENT') return undefined;
    throw new IoError(`Cannot read ${file}: ${cause.message}`, { cause });
  });
  if (bytes === undefined) return undefined;
  const answer = decode(file, bytes).trim();
  if (answer !== '') return answer;
  throw new InvalidArgumentError(`${file}, the answer about ${picture}, is empty: fill it or remove it`);
}

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InvalidArgumentError(`${file} is not UTF-8 text`, { cause });
  }
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof BllossomError) throw cause;
    throw new IoError(`Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** The conversation about a picture, up to its answer where there is one. */
export function promptAbout(processor: Processor, { answer }: Picture, question: string): NativePromptPart[] {
  const asked: ChatMessage = { role: 'user', content: [{ type: 'image' }, { type: 'text', text: question }] };
  if (answer === undefined) return processor.applyChatTemplate([asked]);
  return processor.applyChatTemplate([asked, { role: 'assistant', content: answer }], { addGenerationPrompt: false });
}

/** @throws what `Processor.prepareImage` throws, with the name of the file */
export async function prepare(
  processor: Processor,
  { file }: Picture,
  signal: AbortSignal | undefined,
): Promise<PreparedImage> {
  try {
    return await processor.prepareImage(file, { signal });
  } catch (cause) {
    if (!(cause instanceof BllossomError) || cause.message.includes(file)) throw cause;
    throw errorLike(cause, `${file}: ${cause.message}`);
  }
}
