/** What an input image may cost at most. Raised nowhere else; `decodeImage` takes other values for tests and for callers that know better. */

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

export const IMAGE_LIMITS: Readonly<ImageLimits> = {
  maxBytes: 64 * 1024 * 1024,
  maxPixels: 64_000_000,
  maxSide: 65_535,
  maxSeconds: 30,
};
