// Does looking up what comes next in the prompt pay? On tasks whose answers repeat it, with a model that can do them.
import { makeResult } from './suite/measure.mjs';

const TASKS = { lines: 'lines as a Markdown list', tables: 'words and numbers as a Markdown table' };

export async function measure(work) {
  if (work.isRandom) {
    work.leaveOut('prompt lookup', 'random weights repeat nothing; give --model models/demo.gguf');
    return [];
  }
  const { ours } = await work.turns('lookup', { repeat: work.quick ? 1 : 5 });
  return Object.entries(TASKS).map(([kind, task]) => {
    const column = (name) => ours.map((turn) => turn[kind][name]);
    return makeResult(`${task}, prompt lookup`, 'tokens/s', column('lookup'), { 'without it': column('plain') });
  });
}
