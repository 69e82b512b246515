// Starts workers that load a model and generate, and ends them at random moments. Run by worker.test.ts:
//   node worker-child.mjs <model> <rounds>
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { Config, ModelManager, TextGenerator } from '../../dist/index.js';

const start = (path, endless) => new Worker(new URL(import.meta.url), { workerData: { path, endless } });

/** The exit code of a worker that generates once and ends by itself. */
const once = (path) =>
  new Promise((resolve, reject) => {
    start(path, false).on('exit', resolve).on('error', reject);
  });

if (isMainThread) {
  const [, , path, rounds] = process.argv;
  for (let round = 0; round < Number(rounds); round++) {
    const workers = [start(path, true), start(path, true)];
    await sleep(Math.random() * 250);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  console.log(`last worker: ${await once(path)}`);
} else {
  const config = new Config();
  config.model.path = workerData.path;
  const manager = new ModelManager(config);
  if (!(await manager.loadModel())) throw manager.lastError;
  const text = new TextGenerator(manager);
  // Short answers: a worker that ends while an answer is handed over once crashed the process.
  do await text.generate('hi', { maxTokens: 2 });
  while (workerData.endless);
  await manager.unloadModel();
}
