/** Where a chat takes place: lines come in, notes go out to stderr. A terminal has a prompt, editing and a history. */

import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { onInterrupt } from '../stopping.js';

const PROMPT = '> ';
/** Moves to the end of the line typed so far and deletes it. */
const DELETE_LINE = ['e', 'u'];

export interface TerminalStreams {
  input: NodeJS.ReadableStream & { isTTY?: boolean };
  output: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
}

export class Terminal {
  readonly #output: TerminalStreams['output'];
  readonly #screen: Screen;
  readonly #lines: Interface;
  /** Whether a person sits there. */
  readonly isTerminal: boolean;
  readonly #release: () => void;
  readonly #typed: AsyncIterator<string, undefined>;
  #closed = false;
  /** By `close`, which leaves unread what is there. */
  #ended = false;

  /** @param onInterruption told of Ctrl-C and SIGTERM */
  constructor({ input, output }: TerminalStreams, onInterruption: (name: NodeJS.Signals) => void) {
    this.#output = output;
    this.#screen = new Screen(output);
    this.isTerminal = Boolean(input.isTTY && output.isTTY);
    this.#lines = createInterface({
      ...{ input, prompt: PROMPT, terminal: this.isTerminal, removeHistoryDuplicates: true },
      ...(this.isTerminal && { output: this.#screen }),
    });
    this.#typed = this.#lines[Symbol.asyncIterator](); // from now on no line is lost
    // In its raw mode a terminal sends Ctrl-C as a character; readline says so.
    this.#lines.on('SIGINT', () => onInterruption('SIGINT'));
    this.#lines.on('close', () => {
      this.#closed = true;
    });
    this.#release = onInterrupt(onInterruption);
  }

  /** Each line, with a prompt before it; what is typed meanwhile is not shown until its turn comes. */
  async *lines(): AsyncGenerator<string> {
    try {
      while (!this.#ended) {
        this.prompt();
        const line = await this.#typed.next();
        this.#screen.muted = true;
        if (line.done || this.#ended) return;
        yield line.value;
      }
    } finally {
      this.close();
    }
  }

  prompt(): void {
    this.#screen.muted = false;
    if (this.isTerminal && !this.#closed) this.#lines.prompt(true);
  }

  /** A line for the reader. */
  note(text: string): void {
    this.#output.write(`${text}\n`);
  }

  /** Forgets what is typed, says something and asks anew. */
  askAnew(text: string): void {
    if (this.isTerminal) for (const name of DELETE_LINE) this.#lines.write(null, { ctrl: true, name });
    this.note(this.isTerminal ? `\n${text}` : text);
    this.prompt();
  }

  /** Ends the lines; for good measure it may be called twice. */
  close(): void {
    this.#ended = true;
    this.#release();
    this.#lines.close();
  }
}

/** What readline draws on: passes everything on, unless it is muted. */
class Screen extends Writable {
  readonly #output: TerminalStreams['output'];
  muted = true;

  constructor(output: TerminalStreams['output']) {
    super();
    this.#output = output;
    output.on('resize', () => this.emit('resize'));
  }

  /** Readline asks for it to know where lines wrap. */
  get columns(): number | undefined {
    return this.#output.columns;
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.muted) done();
    else this.#output.write(chunk, done);
  }
}
