/** Runs the built command line as a child process. */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { ROOT, temporaryFolder } from './model.js';

export { ENDLESS, PICTURE } from './model.js';

export const CLI = join(ROOT, 'dist', 'cli', 'main.js');
export const GREEDY = ['--temperature', '0', '--max-tokens', '12'];
export const KOREAN = { LANG: 'ko_KR.UTF-8' };

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: Record<string, string> | undefined;
  cwd?: string | undefined;
  /** What stdin holds; then it ends. Default: nothing */
  input?: string | Uint8Array | undefined;
  /** Called with the child as soon as it has written to stdout. */
  onOutput?: ((child: Child) => void) | undefined;
}

export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** An empty folder of its own. */
export function workFolder(name: string): string {
  const folder = join(temporaryFolder(), name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

export function bllossom(args: string[], options: RunOptions = {}): Promise<Run> {
  const { child, done } = start(args, options);
  child.stdin.on('error', () => {}); // it may end without having read everything
  child.stdin.end(options.input ?? '');
  return done;
}

/** A session that goes on: lines are sent, and what comes is waited for. */
export class Session {
  readonly child: Child;
  readonly done: Promise<Run>;
  readonly #run: Run;

  constructor(args: string[], options: RunOptions = {}) {
    ({ child: this.child, done: this.done, run: this.#run } = start(args, options));
  }

  send(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }

  interrupt(): void {
    this.child.kill('SIGINT');
  }

  /** Waits until a stream holds something after what was seen before. */
  async seen(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void> {
    const end = Date.now() + 30_000;
    while (!pattern.test(this.#run[stream].slice(this.#read[stream]))) {
      if (Date.now() > end) throw new Error(`${pattern} did not come in ${stream}: ${JSON.stringify(this.#run)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.#read[stream] = this.#run[stream].length;
  }

  readonly #read = { stdout: 0, stderr: 0 };

  /** Ends the input, as Ctrl-D does. */
  async end(): Promise<Run> {
    this.child.stdin.end();
    return this.done;
  }
}

/** Interrupts a command when it has got somewhere. Only what it leaves shows that: so later and later, until it has. */
export async function interruptedOnce(gotSomewhere: (run: Run) => boolean, args: string[]): Promise<Run> {
  for (let wait = 2000; ; wait *= 2) {
    const session = new Session(args);
    const timer = setTimeout(() => session.interrupt(), wait);
    const run = await session.done;
    clearTimeout(timer);
    if (gotSomewhere(run) || wait > 16_000) return run;
  }
}

function start(args: string[], { env = {}, cwd = workFolder('cli'), onOutput }: RunOptions) {
  const clean = {
    PATH: process.env.PATH ?? '',
    HOME: process.env.HOME ?? '',
    LANG: 'C.UTF-8',
    HF_HUB_OFFLINE: '1',
    ...env,
  };
  const child = spawn(process.execPath, [CLI, ...args], { cwd, env: clean, timeout: 60_000 });
  const run: Run = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (run.stdout === '') onOutput?.(child);
    run.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    run.stderr += text;
  });
  const done = new Promise<Run>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      run.code = code;
      resolve(run);
    });
  });
  return { child, done, run };
}
