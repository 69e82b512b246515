// How much of a conversation is computed again in its second turn?
import { makeResult } from './suite/measure.mjs';

const HISTORY = 1000;

export async function measure(work) {
  const { ours } = await work.turns('cache', { historyTokens: HISTORY, repeat: 1 });
  const column = (name) => ours.map((turn) => turn[name]);
  const name = `second turn after ${HISTORY} tokens`;
  const lower = { lowerIsBetter: true };
  return [
    makeResult(`${name}, prefilled`, 'tokens', column('computed'), { 'tokens that are new': column('fresh') }, lower),
    makeResult(name, 'ms to the first token', column('second'), { 'first turn': column('first') }, lower),
  ];
}
