/** How fast a download runs, and how long it will. */

export interface PullProgress {
  /** Bytes of the hub's files that are worked in, those of an earlier call among them. */
  bytesDone: number;
  bytesTotal: number;
  /** Over the last seconds; 0 at the start. */
  bytesPerSecond: number;
  /** Undefined while nothing is known. */
  secondsLeft: number | undefined;
}

const WINDOW_SECONDS = 10;

export class Pace {
  readonly #samples: { time: number; bytes: number }[] = [];

  constructor(private readonly now: () => number = () => performance.now() / 1000) {}

  at(bytesDone: number, bytesTotal: number): PullProgress {
    const time = this.now();
    this.#samples.push({ time, bytes: bytesDone });
    while (this.#samples.length > 2 && time - (this.#samples[0]?.time ?? time) > WINDOW_SECONDS) this.#samples.shift();
    const [{ time: since, bytes: from } = { time, bytes: bytesDone }] = this.#samples;
    const bytesPerSecond = time > since ? Math.max(0, (bytesDone - from) / (time - since)) : 0;
    const secondsLeft = bytesPerSecond > 0 ? (bytesTotal - bytesDone) / bytesPerSecond : undefined;
    return { bytesDone, bytesTotal, bytesPerSecond, secondsLeft };
  }
}
