// The programs in C++: bllossom-bench and the benchmarks of llama.cpp, built for this machine as the addon is.
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { ROOT } from './paths.mjs';
import { run, runForJson } from './program.mjs';

/** Beside the addon's tree and with its options: a compiler's cache knows most of it already. */
const BUILD = path.join(ROOT, 'build-bench');
const FOLDERS = {
  'bllossom-bench': 'bench/native',
  'llama-bench': 'bench/native/peers/tools/llama-bench',
  'llama-batched-bench': 'bench/native/peers/tools/batched-bench',
};

export const program = (name) => path.join(BUILD, FOLDERS[name], name);

/** Compiles what is missing or old: minutes the first time, a moment later on. */
export async function build(...names) {
  console.error(`  building ${names.join(', ')}`);
  const options = ['-G', 'Ninja', '-DBLLOSSOM_ADDON=OFF', '-DBLLOSSOM_BENCH=ON'];
  await run(['cmake', '-S', ROOT, '-B', BUILD, ...options]);
  await run(['cmake', '--build', BUILD, '--parallel', os.availableParallelism(), '--target', ...names]);
}

/** What the machine can do at most on so many threads. Turns beside the others, for the machine is not always the same. */
export class Ceilings {
  #threads;

  constructor(threads) {
    this.#threads = threads;
  }

  /** Bytes read from memory per second. */
  async read() {
    return this.#values('read-ceiling');
  }

  /**
   * Bytes per second of memory that the system gives, so many in all. After a rest: what a process has just freed, a virtual
   * machine has not given back to its host yet, and gets for nothing.
   */
  async take(bytes) {
    await setTimeout(5000);
    return this.#values('take-ceiling', '--megabytes', Math.max(1, Math.round(bytes / 2 ** 20)));
  }

  /** Operations per second of a product of matrices with the kernels of a type, and nothing else. */
  async product({ type, rows, columns }, batch) {
    const shape = ['--type', ggmlName(type), '--rows', rows, '--columns', columns, '--batch', batch];
    return this.#values('product-ceiling', ...shape);
  }

  async #values(command, ...options) {
    const line = await runForJson([program('bllossom-bench'), command, '--threads', this.#threads, ...options]);
    return line.values;
  }
}

/** The names of ggml's types as ggml writes them: "q4_K", of what a file's report writes: "Q4_K". */
const ggmlName = (type) => type.toLowerCase().replace(/_k/, '_K');
