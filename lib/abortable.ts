/** Giving up: listening to a signal, and waiting that ends when it aborts. */

import { setMaxListeners } from 'node:events';

/** Calls `listener` when the signal aborts, at once where it has. Returns what takes the listener away. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener();
    return () => {};
  }
  setMaxListeners(0, signal); // one signal may end any number of calls, and each takes its listener away
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}

/** For work that cannot be stopped: it ends by itself, and nobody hears of it. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, () => reject(signal.reason));
    work.then(resolve, reject).finally(release);
  });
}
