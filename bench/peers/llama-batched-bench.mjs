// llama-batched-bench of the pinned llama.cpp, on the text part of the very same file.
import { build, program } from '../suite/native.mjs';
import { jsonLines, run } from '../suite/program.mjs';

/** A stream's cells come by so many. */
const CELLS = 256;
/** It prints through a log thread, which now and then ends with the process before it has written. */
const ATTEMPTS = 10;

/** Tokens generated per second by all streams together, their prompts included in the time. */
async function speed(work, { streams, promptTokens, tokens }) {
  const context = streams * CELLS * Math.ceil((promptTokens + tokens) / CELLS);
  const command = [program('llama-batched-bench'), '-m', await work.textModel(), '-fa', 'on', '-c', context];
  const shape = ['-npp', promptTokens, '-ntg', tokens, '-npl', streams, '-t', work.threads, '-ngl', 0];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const [test] = jsonLines(await run([...command, ...shape, '--output-format', 'jsonl']));
    if (test) return (streams * tokens) / test.t;
  }
  throw new Error(`llama-batched-bench ended well ${ATTEMPTS} times without printing its figures`);
}

export const llamaBatchedBench = {
  name: 'llama-batched-bench',
  async prepare() {
    await build('llama-batched-bench');
    return null; // that of llama.cpp
  },
  turns: {
    async batch(work, { repeat, ...options }) {
      const speeds = [];
      for (let i = 0; i < repeat; i++) speeds.push(await speed(work, options));
      return speeds;
    },
  },
};
