/**
 * An image file to upright u8 RGB, the only place that knows sharp. What comes out is what Pillow gives transformers'
 * Mllama processor: EXIF orientation applied, alpha on white, colour profiles ignored, first page or frame only.
 *
 * The decoders underneath are libvips' prebuilt ones. They equal Pillow's bit for bit for JPEG, PNG, WebP, GIF and TIFF;
 * AVIF with subsampled colour differs where the two libraries interpolate it differently.
 */

import sharp, { type Metadata, type Sharp, type SharpOptions } from 'sharp';

import { isInstance } from '../check.js';
import { BllossomError, ImageDecodeError, ImageLimitError } from '../errors.js';
import { type ImageFormat, requireFormat, SUPPORTED_FORMATS } from './format.js';
import { checkLimits, IMAGE_LIMITS, type ImageLimits } from './limits.js';
import { cmyk, convertPixels, grey16, type PixelConverter, rgbaOnWhite } from './pixels.js';
import { type EncodedSource, type ReadOptions, readSource } from './source.js';

/** An image file in any form, or a sharp pipeline, whose output is taken. */
export type ImageSource = EncodedSource | Sharp;

export interface DecodeOptions extends ReadOptions {
  /** Turn the picture upright as its EXIF orientation says. Default: true */
  upright?: boolean | undefined;
  limits?: Partial<ImageLimits> | undefined;
}

export interface RgbImage {
  /** u8, [height][width][3] */
  rgb: Uint8Array;
  width: number;
  height: number;
}

/**
 * Decodes an image. The header is read first, so that an image over the limits costs neither time nor memory.
 *
 * @throws {ImageDecodeError} not an image, a format that is not supported, or a damaged file
 * @throws {ImageLimitError} over {@link IMAGE_LIMITS}
 * @throws {InvalidArgumentError} not an image source
 * @throws {IoError} the file cannot be read
 * @throws {ConnectionError} the image cannot be fetched
 * @throws the reason of `options.signal`
 */
export async function decodeImage(source: ImageSource, options: DecodeOptions = {}): Promise<RgbImage> {
  const limits = checkLimits(options.limits);
  const turn = options.upright === false ? (pipeline: Sharp) => pipeline : (pipeline: Sharp) => pipeline.autoOrient();
  try {
    if (isPipeline(source)) return await decodePipeline(source, turn, limits);
    return await decodeBytes(await readSource(source, limits.maxBytes, options), turn, limits);
  } catch (cause) {
    throw isOurs(cause, options.signal) ? cause : translate(cause, limits);
  }
}

/**
 * An image as the bytes of a file, for keeping: those of the source, which are not looked at, or a PNG of what a pipeline
 * puts out, upright.
 *
 * @throws as {@link decodeImage}
 */
export async function readImage(source: ImageSource, options: ReadOptions = {}): Promise<Buffer> {
  const { maxBytes, maxSeconds } = IMAGE_LIMITS;
  try {
    if (!isPipeline(source)) return await readSource(source, maxBytes, options);
    checkSize(await within(maxSeconds, source.clone().metadata()), IMAGE_LIMITS);
    return await source.clone().timeout({ seconds: maxSeconds }).autoOrient().png().toBuffer();
  } catch (cause) {
    throw isOurs(cause, options.signal) ? cause : translate(cause, IMAGE_LIMITS);
  }
}

/** A typed error, or the reason of the signal. */
function isOurs(cause: unknown, signal: AbortSignal | undefined): boolean {
  return isInstance(cause, BllossomError) || (signal?.aborted === true && cause === signal.reason);
}

/** Told by its methods, since the caller may use another copy of sharp. */
function isPipeline(source: ImageSource): source is Sharp {
  const { clone, metadata, raw } = (source ?? {}) as Partial<Sharp>;
  return [clone, metadata, raw].every((method) => typeof method === 'function');
}

type Turn = (pipeline: Sharp) => Sharp;

async function decodeBytes(bytes: Buffer, turn: Turn, limits: ImageLimits): Promise<RgbImage> {
  const format = requireFormat(bytes);
  const header = await sharp(bytes, { ...STRICT, limitInputPixels: false }).metadata();
  checkSize(header, limits);

  const pipeline = sharp(bytes, { ...STRICT, limitInputPixels: limits.maxPixels }).timeout({
    seconds: Math.ceil(limits.maxSeconds),
  });
  return decodeSamples(turn(pipeline), sampleKind(bytes, format, header), limits);
}

/** How the samples have to be read to come out as Pillow reads them. */
type SampleKind = 'rgb' | 'cmyk' | 'grey16';

function sampleKind(bytes: Buffer, format: ImageFormat, { space }: Metadata): SampleKind {
  if (space === 'cmyk') return 'cmyk';
  // Pillow takes the high bytes of 16-bit samples, except of grey without an alpha channel.
  const hasAlphaChannel = format === 'png' && bytes[PNG_COLOUR_TYPE] === PNG_GREY_AND_ALPHA;
  return space === 'grey16' && !hasAlphaChannel ? 'grey16' : 'rgb';
}

const PNG_COLOUR_TYPE = 25;
const PNG_GREY_AND_ALPHA = 4;

/** `failOn: 'error'`: truncated data is an error, a decoder's warning is not. */
const STRICT: SharpOptions = { failOn: 'error', ignoreIcc: true, pages: 1 };

async function decodePipeline(pipeline: Sharp, turn: Turn, limits: ImageLimits): Promise<RgbImage> {
  const input = pipeline.clone();
  checkSize(await within(limits.maxSeconds, input.metadata()), limits);
  return decodeSamples(turn(input.timeout({ seconds: Math.ceil(limits.maxSeconds) })), 'rgb', limits);
}

/** A pipeline may read a stream that nobody feeds. */
async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('timeout')), seconds * 1000);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function decodeSamples(pipeline: Sharp, kind: SampleKind, limits: ImageLimits): Promise<RgbImage> {
  const { data, info } = await asRaw(pipeline, kind).toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  checkSize(info, limits); // again: a pipeline may have enlarged its input

  const channels: number = info.channels;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (kind === 'rgb' && channels === 3) return { rgb: bytes, width, height };
  const convert = converterFor(kind, channels, bytes);
  if (convert === null) {
    throw new ImageDecodeError(
      `The image has ${channels} channels of kind ${kind}. Use grey, RGB or CMYK, with alpha or not.`,
    );
  }
  return { rgb: await convertPixels(width * height, convert), width, height };
}

function asRaw(pipeline: Sharp, kind: SampleKind): Sharp {
  switch (kind) {
    case 'cmyk':
      return pipeline.pipelineColourspace('cmyk').toColourspace('cmyk').raw();
    case 'grey16':
      return pipeline.pipelineColourspace('grey16').toColourspace('grey16').raw({ depth: 'ushort' });
    case 'rgb':
      return pipeline.toColourspace('srgb').raw();
  }
}

function converterFor(kind: SampleKind, channels: number, bytes: Uint8Array): PixelConverter | null {
  if (kind === 'grey16') {
    // A copy: the bytes may lie at an odd address.
    return channels === 1 || channels === 2 ? grey16(new Uint16Array(bytes.slice().buffer), channels) : null;
  }
  if (channels !== 4) return null;
  return kind === 'cmyk' ? cmyk(bytes) : rgbaOnWhite(bytes);
}

function checkSize({ width, height }: Pick<Metadata, 'width' | 'height'>, limits: ImageLimits): void {
  if (!(width >= 1 && height >= 1)) {
    throw new ImageDecodeError(`The image has no pixels (${width} x ${height}). Pass an image of at least 1 x 1.`);
  }
  if (width * height > limits.maxPixels) {
    throw new ImageLimitError(
      `The image has ${width} x ${height} pixels; the limit is ${limits.maxPixels}. Resize it before passing it.`,
    );
  }
  if (Math.max(width, height) > limits.maxSide) {
    throw new ImageLimitError(
      `The image has ${width} x ${height} pixels; a side may have ${limits.maxSide}. Crop or resize it before passing it.`,
    );
  }
}

/** sharp speaks in plain Errors; these three texts are the ones that are about limits. */
function translate(cause: unknown, limits: ImageLimits): BllossomError {
  const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
  if (/exceeds pixel limit/i.test(message)) {
    return new ImageLimitError(`The image has more than ${limits.maxPixels} pixels. Resize it before passing it.`, {
      cause,
    });
  }
  if (/timeout/i.test(message)) {
    return new ImageLimitError(
      `The image took more than ${limits.maxSeconds} s to decode. Save it anew and pass that.`,
      { cause },
    );
  }
  // libvips collects its words for all threads in one place: beside others an image may be told of another's fault.
  const reason = /^Input /.test(message) ? `: ${message}` : '';
  return new ImageDecodeError(
    `The image is damaged and cannot be decoded${reason}. Pass a whole file (${SUPPORTED_FORMATS}).`,
    { cause },
  );
}
