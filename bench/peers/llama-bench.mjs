// llama-bench of the pinned llama.cpp, on the text part of the very same file.
import { build, program } from '../suite/native.mjs';
import { run } from '../suite/program.mjs';

/** Tokens per second of each repetition, of a prompt or of tokens after an empty one; the other number is 0. */
async function speeds(work, { prompt, tokens, repeat }) {
  const command = [program('llama-bench'), '-m', await work.textModel(), '-p', prompt, '-n', tokens, '-r', repeat];
  const [test] = JSON.parse(await run([...command, '-t', work.threads, '-ngl', 0, '-fa', 1, '-o', 'json']));
  return test.samples_ts;
}

export const llamaBench = {
  name: 'llama-bench',
  async prepare() {
    await build('llama-bench');
    return null; // that of llama.cpp
  },
  turns: {
    decode: (work, { tokens, repeat }) => speeds(work, { prompt: 0, tokens, repeat }),
    prefill: (work, { tokens, repeat }) => speeds(work, { prompt: tokens, tokens: 0, repeat }),
  },
};
