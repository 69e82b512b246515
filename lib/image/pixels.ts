/**
 * Samples of other kinds to u8 RGB in Pillow's integer arithmetic, so that the result equals what transformers sees:
 * alpha is composited on white (`Image.alpha_composite`), CMYK has no colour management, 16-bit grey is clamped.
 *
 * Every converter writes the pixels [from, to) of `target` ([pixels][3]).
 */

export type PixelConverter = (from: number, to: number, target: Uint8Array) => void;

/** value / 255, rounded; exact for value up to 65,535. */
function divide255(value: number): number {
  const biased = value + 128;
  return ((biased >> 8) + biased) >> 8;
}

/** source: [pixels][4] */
export function rgbaOnWhite(source: Uint8Array): PixelConverter {
  return (from, to, target) => {
    for (let pixel = from, i = from * 4, o = from * 3; pixel < to; pixel++, i += 4, o += 3) {
      const alpha = source[i + 3] as number;
      const white = 255 * (255 - alpha);
      target[o] = divide255((source[i] as number) * alpha + white);
      target[o + 1] = divide255((source[i + 1] as number) * alpha + white);
      target[o + 2] = divide255((source[i + 2] as number) * alpha + white);
    }
  };
}

/** source: [pixels][4], 255 = full ink. */
export function cmyk(source: Uint8Array): PixelConverter {
  return (from, to, target) => {
    for (let pixel = from, i = from * 4, o = from * 3; pixel < to; pixel++, i += 4, o += 3) {
      const light = 255 - (source[i + 3] as number);
      target[o] = light - divide255((source[i] as number) * light);
      target[o + 1] = light - divide255((source[i + 1] as number) * light);
      target[o + 2] = light - divide255((source[i + 2] as number) * light);
    }
  };
}

/**
 * source: [pixels][channels], one channel of grey or grey and alpha, 0…65,535. Values above 255 become white, as in
 * Pillow (which has no scaling conversion from 16-bit grey); alpha is all or nothing, it comes from a colour key.
 */
export function grey16(source: Uint16Array, channels: 1 | 2): PixelConverter {
  return (from, to, target) => {
    for (let pixel = from, i = from * channels, o = from * 3; pixel < to; pixel++, i += channels, o += 3) {
      const transparent = channels === 2 && source[i + 1] === 0;
      const value = transparent ? 255 : Math.min(source[i] as number, 255);
      target[o] = value;
      target[o + 1] = value;
      target[o + 2] = value;
    }
  };
}

/** Pixels converted in one turn of the event loop: a millisecond or two. */
const SLICE = 1 << 17;

/** Runs a converter over a whole image without holding the event loop. Returns [pixels][3]. */
export async function convertPixels(pixels: number, convert: PixelConverter): Promise<Uint8Array> {
  const target = new Uint8Array(pixels * 3);
  for (let from = 0; from < pixels; from += SLICE) {
    if (from > 0) await new Promise((resolve) => setImmediate(resolve));
    convert(from, Math.min(from + SLICE, pixels), target);
  }
  return target;
}
