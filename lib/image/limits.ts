/** What an input image may cost at most. Raised nowhere else; `decodeImage` takes other values for tests and for callers that know better. */

import { checkInteger, checkNumber, checkOptions, type NumberRange } from '../check.js';

export interface ImageLimits {
  /** Encoded bytes. */
  maxBytes: number;
  /** width * height. */
  maxPixels: number;
  /** Pixels of one side. */
  maxSide: number;
  /** Seconds that a decoder may work on one image. */
  maxSeconds: number;
}

/** The limits, completed. @throws InvalidArgumentError */
export function checkLimits(limits: Partial<ImageLimits> | undefined): ImageLimits {
  const names = Object.keys(IMAGE_LIMITS) as (keyof ImageLimits)[];
  const given = checkOptions('limits', limits, names);
  const values = names.map((name) => {
    const check = name === 'maxSeconds' ? checkNumber : checkInteger;
    return [name, check(name, given[name] ?? IMAGE_LIMITS[name], RANGES[name])];
  });
  return Object.fromEntries(values) as ImageLimits;
}

const RANGES: Record<keyof ImageLimits, NumberRange> = {
  maxBytes: { min: 1, max: 2 ** 31 - 1 },
  maxPixels: { min: 1, max: 2 ** 30 },
  maxSide: { min: 1, max: 2 ** 24 },
  maxSeconds: { above: 0, max: 3600 },
};

export const IMAGE_LIMITS: Readonly<ImageLimits> = {
  maxBytes: 64 * 1024 * 1024,
  maxPixels: 64_000_000,
  maxSide: 65_535,
  maxSeconds: 30,
};
