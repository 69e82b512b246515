// What do JavaScript, the binding and the scheduler cost, and does the event loop stay free?
import { makeResult } from './suite/measure.mjs';

const STREAMS = 32;

export async function measure(work) {
  const options = { tokens: work.quick ? 65 : 129, streams: STREAMS, streamTokens: 32, repeat: 3 };
  const { ours } = await work.turns('overhead', options);
  const column = (name) => ours.map((turn) => turn[name]);
  return [
    makeResult('step of the engine', 'µs per token', column('step')),
    makeResult('step seen from Node less that', 'µs per token', column('outside'), { step: column('step') }),
    makeResult('JavaScript thread at work', 'µs per token', column('javascript'), { step: column('step') }),
    makeResult(`event loop delay, p99, ${STREAMS} streams`, 'ms', column('delay')),
  ];
}
