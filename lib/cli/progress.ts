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

/** A share of a whole with something about it: `detail` stands beside the share. */
export function detailBar(title: string): { update(value: number, detail: string): void; stop(): void } {
  let detail = '';
  const bar = start(`${title} {bar} {percentage}% {detail}`, 1, true, () => ({ detail }));
  const update = (value: number, now: string) => {
    detail = now;
    bar.update(value);
  };
  return { update, stop: bar.stop };
}

function start(format: string, total: number, shown: boolean, payload: () => object = () => ({})): Bar {
  if (!shown || !process.stderr.isTTY) return NONE;
  const bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true });
  bar.start(total, 0, payload());
  return { update: (value) => bar.update(value, payload()), stop: () => bar.stop() };
}
