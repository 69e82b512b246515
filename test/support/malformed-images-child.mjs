// Feeds seeded malformed images to prepareImage and prints one JSON line per case. A child of
// test/addon/malformed-images.test.ts: what crashes here is a failed test there.
//
// node malformed-images-child.mjs URL_OF_THE_COMPILED_LIBRARY SEED CASES_PER_FORMAT

import sharp from 'sharp';

const [library, seed, casesPerFormat] = process.argv.slice(2);
const { prepareImage } = await import(new URL('image/prepare.js', library).href);
const { BllossomError } = await import(new URL('errors.js', library).href);
const { loadNative } = await import(new URL('native/load.js', library).href);
const { tileImage } = loadNative(process.cwd());

const GEOMETRY = {
  tileSize: 28,
  maxTiles: 4,
  aspectRatios: [
    [1, 1],
    [1, 2],
    [1, 3],
    [1, 4],
    [2, 1],
    [2, 2],
    [3, 1],
    [4, 1],
  ],
};

let state = Number(seed) >>> 0;
/** An integer from 0 to n - 1 (mulberry32). */
function random(n) {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % n;
}

function noise(width, height, channels) {
  return Buffer.from(Array.from({ length: width * height * channels }, (_, i) => (i % 7 < 4 ? i % 256 : random(256))));
}

async function seeds() {
  const raw = { width: 61, height: 47, channels: 4 };
  const image = () => sharp(noise(raw.width, raw.height, 4), { raw });
  const frames = sharp([await image().png().toBuffer(), await image().png().toBuffer()], { join: { animated: true } });
  return {
    jpeg: [
      await image().jpeg().toBuffer(),
      await image().jpeg({ progressive: true }).toBuffer(),
      await image()
        .withExif({ IFD0: { Orientation: '6' } })
        .jpeg()
        .toBuffer(),
    ],
    png: [
      await image().png().toBuffer(),
      await image().png({ palette: true }).toBuffer(),
      await image().toColourspace('rgb16').png().toBuffer(),
    ],
    webp: [
      await image().webp().toBuffer(),
      await image().webp({ lossless: true }).toBuffer(),
      await frames.clone().webp().toBuffer(),
    ],
    gif: [await image().gif().toBuffer(), await frames.clone().gif().toBuffer()],
    tiff: [
      await image().tiff({ compression: 'lzw' }).toBuffer(),
      await image().tiff({ compression: 'jpeg' }).toBuffer(),
      await image().tiff({ compression: 'deflate', tile: true, tileWidth: 16, tileHeight: 16 }).toBuffer(),
    ],
    avif: [await image().avif({ effort: 0 }).toBuffer()],
  };
}

const EXTREMES = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];

const MUTATORS = {
  truncate: (b) => b.subarray(0, random(b.length)),
  'flip one bit': (b) => flip(b, 1, b.length),
  'flip many bits': (b) => flip(b, 2 + random(30), b.length),
  'flip bits of the header': (b) => flip(b, 1 + random(4), Math.min(b.length, 128)),
  'extreme bytes in the header': (b) => {
    const at = random(Math.min(b.length, 96));
    for (let i = 0; i <= random(4); i++) if (at + i < b.length) b[at + i] = EXTREMES[random(EXTREMES.length)];
    return b;
  },
  'extreme bytes anywhere': (b) => {
    for (let i = 0; i <= random(12); i++) b[random(b.length)] = EXTREMES[random(EXTREMES.length)];
    return b;
  },
  'four zero bytes': (b) => {
    const at = random(b.length - 4);
    return b.fill(0, at, at + 4);
  },
  'zero size': (b, _other, format) => zeroSize(b, format),
  'cut out a piece': (b) => {
    const at = random(b.length);
    return Buffer.concat([b.subarray(0, at), b.subarray(at + 1 + random(64))]);
  },
  'double a piece': (b) => {
    const at = random(b.length);
    return Buffer.concat([b.subarray(0, at + random(64)), b.subarray(at)]);
  },
  'magic of another format': (b, other) => Buffer.concat([other.subarray(0, 4 + random(28)), b.subarray(random(32))]),
  'random bytes behind the magic': (b) => Buffer.concat([b.subarray(0, 12 + random(40)), noise(1 + random(400), 1, 1)]),
  'random bytes': () => noise(random(300), 1, 1),
};

function flip(bytes, count, length) {
  for (let i = 0; i < count; i++) bytes[random(length)] ^= 1 << random(8);
  return bytes;
}

/** Width or height 0 where the format keeps it at a fixed place, or behind the first start-of-frame marker of a JPEG. */
function zeroSize(bytes, format) {
  const frame =
    format === 'jpeg'
      ? Math.max(bytes.indexOf(Buffer.from([0xff, 0xc0])), bytes.indexOf(Buffer.from([0xff, 0xc2])))
      : 0;
  const at =
    { png: 16 + 4 * random(2), gif: 6 + 2 * random(2), jpeg: frame + 5 + 2 * random(2), webp: 24 + random(6) }[
      format
    ] ?? 8 + random(40);
  return bytes.fill(0, at, at + (format === 'png' ? 4 : 2));
}

async function outcome(bytes) {
  try {
    const { tiles, tileCount, aspectRatioId, key, width, height } = await prepareImage(bytes, GEOMETRY, tileImage);
    const [rows, cols] = GEOMETRY.aspectRatios[aspectRatioId - 1] ?? [];
    const sound =
      rows * cols === tileCount &&
      tiles.length === tileCount * 28 * 28 * 3 &&
      /^[0-9a-f]{64}$/.test(key) &&
      width >= 1 &&
      height >= 1;
    return sound ? 'decoded' : 'unsound';
  } catch (error) {
    const typed =
      error instanceof BllossomError && (error.code === 'ERR_IMAGE_DECODE' || error.code === 'ERR_IMAGE_LIMIT');
    return typed ? error.code : `untyped: ${error?.name} ${error?.code} ${error?.message}`;
  }
}

const formats = await seeds();
const names = Object.keys(MUTATORS);
for (const [format, originals] of Object.entries(formats)) {
  for (let i = 0; i < Number(casesPerFormat); i++) {
    const mutator = names[i % names.length];
    const others = Object.keys(formats).filter((other) => other !== format);
    const other = formats[others[random(others.length)]][0];
    const original = originals[random(originals.length)];
    const name = `${format} ${i}: ${mutator}`;
    process.stdout.write(`${JSON.stringify({ begin: name })}\n`);
    const bytes = MUTATORS[mutator](Buffer.from(original), other, format);
    const start = performance.now();
    const result = await outcome(bytes);
    process.stdout.write(
      `${JSON.stringify({ name, result, ms: performance.now() - start, rss: process.memoryUsage.rss() })}\n`,
    );
  }
}
process.stdout.write(`${JSON.stringify({ finished: true })}\n`);
