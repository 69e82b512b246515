// What a token costs outside the engine, in microseconds, and how late the event loop is while many streams run.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openManager, repeated, turn, Workload } from './model.mjs';

const RESOLUTION_MS = 5;
const PROMPT = 8;

await turn(async ({ tokens, streams, streamTokens, repeat, ...model }) => {
  const cells = Math.max(streams * (PROMPT + streamTokens + 1), PROMPT + tokens + 1);
  const manager = await openManager(model, { maxBatchSize: streams, contextSize: cells });
  const work = new Workload(manager.requireModel());
  const one = async () => {
    const before = performance.eventLoopUtilization();
    const { seconds, stats } = await work.generate({ promptTokens: PROMPT, maxTokens: tokens });
    const { active } = performance.eventLoopUtilization(before);
    const outside = seconds - stats.timeToFirstToken - stats.decodeTime;
    const micro = (value) => (1e6 * value) / (tokens - 1);
    return { step: micro(stats.decodeTime), outside: micro(outside), javascript: micro(active / 1e3) };
  };
  const runs = await repeated(repeat, one);

  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const request = () => work.generate({ promptTokens: PROMPT, maxTokens: streamTokens });
  await Promise.all(Array.from({ length: streams }, request));
  delay.disable();
  await manager.unloadModel();
  const column = (name) => runs.map((run) => run[name]);
  return {
    ...{ step: column('step'), outside: column('outside'), javascript: column('javascript') },
    delay: [Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS)],
  };
});
