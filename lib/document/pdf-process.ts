/**
 * The process that draws a PDF, seen from ours. Files of strangers are decoded there: one that loops, takes all memory
 * or breaks the drawing library ends that process, and costs us one page.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { type ErrorCode, errorFromNative, ImageDecodeError, ImageLimitError, TimeoutError } from '../errors.js';
import type { PdfReply, PdfRequest } from './pdf-child.js';

const PROGRAM = fileURLToPath(new URL('./pdf-child.js', import.meta.url));
/** Of JavaScript; pictures lie outside of it. */
const HEAP_MB = 1024;

export class PdfProcess {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(PROGRAM, {
      execArgv: [`--max-old-space-size=${HEAP_MB}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child.on('error', () => {}); // told to whoever waits; a process that cannot start also exits
  }

  get isAlive(): boolean {
    return this.#child.connected && !this.#child.killed;
  }

  /**
   * Sends one request; the one before has to be answered.
   *
   * @throws what the request fails with; TimeoutError after `seconds`, ImageDecodeError or ImageLimitError when the
   *   process died. It is gone then.
   */
  async ask(what: string, request: PdfRequest, seconds: number): Promise<PdfReply> {
    const reply = await this.#exchange(what, request, seconds);
    if (reply.kind === 'failed') throw errorFromNative(reply as { code: ErrorCode; message: string });
    return reply;
  }

  /** Ends it, whatever it does. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #exchange(what: string, request: PdfRequest, seconds: number): Promise<PdfReply> {
    const child = this.#child;
    return new Promise<PdfReply>((resolve, reject) => {
      const timer = setTimeout(() => {
        finish(() => reject(new TimeoutError(`${what} took longer than the ${seconds} s allowed`)));
        this.kill();
      }, seconds * 1000);
      const onMessage = (reply: PdfReply) => finish(() => resolve(reply));
      const onError = (cause: Error) => finish(() => reject(died(what, cause.message, cause)));
      const onExit = (code: number | null, signal: string | null) =>
        finish(() => reject(exitFailure(what, code, signal)));
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        child.off('message', onMessage).off('error', onError).off('exit', onExit);
        settle();
      };
      child.on('message', onMessage).on('error', onError).on('exit', onExit);
      if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode);
      else child.send(request, (cause) => cause && onError(cause));
    });
  }
}

const died = (what: string, why: string, cause?: Error) =>
  new ImageDecodeError(`${what} failed: the process that draws it ended (${why})`, { cause });

function exitFailure(what: string, code: number | null, signal: string | null): Error {
  // V8 aborts when its heap is full; the process kills itself, or the system does, for the rest of its memory.
  if (signal === 'SIGKILL' || signal === 'SIGABRT' || code === 134) {
    return new ImageLimitError(`${what} takes more memory than allowed. Save the file anew, with smaller pictures.`);
  }
  return died(what, signal ?? `exit code ${code}`);
}
