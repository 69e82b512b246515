// The ES module beside this one, in a worker thread.
import { Worker } from 'node:worker_threads';

new Worker(new URL('answer.mjs', import.meta.url)).on('error', (error) => {
  throw error;
});
