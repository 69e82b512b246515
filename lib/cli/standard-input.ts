import { addAbortSignal } from 'node:stream';
import { UsageError } from './failures.js';

/** Far more than any context holds. */
const LIMIT_MIB = 16;

/** Reads a text from standard input to its end, without the last line break. @throws UsageError */
export async function readStandardInput(signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of addAbortSignal(signal, process.stdin) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LIMIT_MIB * 1024 * 1024) throw new UsageError('promptTooLong', { limit: LIMIT_MIB });
    chunks.push(chunk);
  }
  const text = decodeUtf8(Buffer.concat(chunks));
  if (text === undefined) throw new UsageError('promptNotUtf8');
  return text.replace(/\r?\n$/, '');
}

/** Without a byte order mark; undefined when it is no UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
