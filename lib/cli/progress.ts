/** Bars on stderr, while it is a terminal. */

import { SingleBar } from 'cli-progress';

export interface Bar {
  update(value: number): void;
  stop(): void;
}

const NONE: Bar = { update: () => {}, stop: () => {} };

/** A share of a whole: `update` takes 0 … 1. */
export function shareBar(title: string, shown = true): Bar {
  return start(`${title} {bar} {percentage}%`, 1, shown);
}

/** So many of `total`. */
export function countBar(title: string, total: number, shown = true): Bar {
  return start(`${title} {bar} {value}/{total}`, total, shown);
}

function start(format: string, total: number, shown: boolean): Bar {
  if (!shown || !process.stderr.isTTY) return NONE;
  const bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true });
  bar.start(total, 0);
  return { update: (value) => bar.update(value), stop: () => bar.stop() };
}
