// How fast is a prompt read?
import { makeResult } from './suite/measure.mjs';

export async function measure(work) {
  const tokens = work.quick ? 64 : 512;
  const perToken = work.load.promptOperations(tokens) / tokens;
  const ceiling =
    work.ceilings &&
    (async () => (await work.ceilings.product(work.load.textProduct, tokens)).map((speed) => speed / perToken));
  const turns = await work.turns('prefill', { tokens, repeat: 3 }, ceiling ? { 'matrix products': ceiling } : {});
  const { ours, ...others } = turns;
  const speeds = ours.map((turn) => turn.speeds);
  return [makeResult(`prefill, ${tokens} tokens`, 'tokens/s', speeds, others)];
}
