/** How work is stopped: by Ctrl-C, by a request to end, by a reader of our output who leaves. */

import { BrokenPipe, Interrupted } from './failures.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Calls back at Ctrl-C and SIGTERM. Returns what ends that. */
export function onInterrupt(callback: (name: NodeJS.Signals) => void): () => void {
  for (const name of SIGNALS) process.on(name, callback);
  return () => {
    for (const name of SIGNALS) process.off(name, callback);
  };
}

/** Calls back when nothing more can be written to stdout. Returns what ends that. */
export function onOutputFailure(callback: (reason: Error) => void): () => void {
  const onError = (error: NodeJS.ErrnoException) => callback(error.code === 'EPIPE' ? new BrokenPipe() : error);
  process.stdout.on('error', onError);
  return () => process.stdout.off('error', onError);
}

/**
 * Runs work that can be stopped. The first Ctrl-C aborts its signal and lets it clean up, the second ends the process.
 *
 * @throws the reason of the signal when it was stopped
 */
export async function untilStopped<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const releases = [
    onInterrupt(() => {
      if (signal.aborted) process.exit(130);
      controller.abort(new Interrupted());
    }),
    onOutputFailure((reason) => controller.abort(reason)),
  ];
  try {
    return await work(signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    for (const release of releases) release();
  }
}
