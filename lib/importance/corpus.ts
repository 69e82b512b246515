/** Text files as chunks of tokens. */

import { createReadStream } from 'node:fs';
import { InvalidArgumentError, IoError } from '../errors.js';

export interface CorpusOptions {
  /** Tokens of a chunk. */
  size: number;
  /** So many chunks at most; the rest is not read. */
  most: number;
  tokenize: (text: string) => Int32Array;
  signal?: AbortSignal | undefined;
}

/** 64 MiB as ids. */
const MAX_TOKENS = 1 << 24;
/** Characters that are tokenized at once where no line ends before. */
const MAX_LINE = 1 << 20;

/**
 * Cuts files into chunks; a file's last one may be shorter, and none joins two files. Control tokens in the text stay
 * text.
 *
 * @throws InvalidArgumentError naming a file that is not UTF-8 or holds no text, or when there is too much; IoError
 */
export async function readCorpus(files: readonly string[], options: CorpusOptions): Promise<Int32Array[]> {
  const chunks: Int32Array[] = [];
  for (const file of files) {
    if (chunks.length >= options.most) break;
    await readChunks(file, chunks, options);
  }
  return chunks;
}

async function readChunks(file: string, chunks: Int32Array[], { size, most, tokenize, signal }: CorpusOptions) {
  let rest = new Int32Array();
  let isBlank = true;
  for await (const text of lines(file, signal)) {
    isBlank &&= text.trim() === '';
    const tokens = joined(rest, tokenize(text));
    let at = 0;
    for (; at + size <= tokens.length && chunks.length < most; at += size) chunks.push(tokens.slice(at, at + size));
    if (chunks.length >= most) return;
    checkAmount(chunks.length * size);
    rest = tokens.slice(at);
  }
  if (isBlank) throw new InvalidArgumentError(`${file} holds no text to collect from`);
  if (rest.length > 0) chunks.push(rest);
}

function checkAmount(tokens: number): void {
  if (tokens <= MAX_TOKENS) return;
  throw new InvalidArgumentError(`The texts have more than ${MAX_TOKENS} tokens: shorten them or set maxChunks`);
}

function joined(a: Int32Array, b: Int32Array): Int32Array<ArrayBuffer> {
  const both = new Int32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** A file in pieces of whole lines: a token does not reach over the end of one. */
async function* lines(file: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
  let rest = '';
  for await (const text of decoded(file, signal)) {
    rest += text;
    const end = rest.length > MAX_LINE ? rest.length : rest.lastIndexOf('\n') + 1;
    if (end > 0) yield rest.slice(0, end);
    rest = rest.slice(end);
  }
  if (rest !== '') yield rest;
}

async function* decoded(file: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const bytes of createReadStream(file, signal ? { signal } : {})) {
      yield decoder.decode(bytes as Uint8Array, { stream: true });
    }
    yield decoder.decode();
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof TypeError) throw new InvalidArgumentError(`${file} is not UTF-8 text`, { cause });
    throw new IoError(`Cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}
