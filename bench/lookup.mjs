// Does looking up what comes next in the prompt pay? On a task whose answer repeats it, with a model that can do the task.
import { makeResult } from './suite/measure.mjs';

export async function measure(work) {
  if (work.isRandom) {
    work.leaveOut('prompt lookup', 'random weights repeat nothing; give --model models/demo.gguf');
    return [];
  }
  const { ours } = await work.turns('lookup', { repeat: work.quick ? 1 : 5 });
  const column = (name) => ours.map((turn) => turn[name]);
  return [
    makeResult('rewriting as Markdown, prompt lookup', 'tokens/s', column('lookup'), { 'without it': column('plain') }),
  ];
}
