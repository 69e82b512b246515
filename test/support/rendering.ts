/** Whether a picture shows a text: its ink against that of the same text drawn by the canvas, without any PDF. */

import { type Canvas, createCanvas, GlobalFonts, loadImage } from '@napi-rs/canvas';
import { KOREAN_FONT } from './pdf-writer.js';

const FAMILY = 'reference font';

/** Darkness of every pixel, 0…255. */
export interface Ink {
  data: Uint8Array;
  width: number;
  height: number;
}

function inkOf(canvas: Canvas): Ink {
  const { width, height } = canvas;
  const rgba = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  const data = Uint8Array.from({ length: width * height }, (_, i) => 255 - (rgba[4 * i] as number));
  return { data, width, height };
}

export async function inkOfPng(png: Uint8Array): Promise<Ink> {
  const image = await loadImage(Buffer.from(png));
  const canvas = createCanvas(image.width, image.height);
  canvas.getContext('2d').drawImage(image, 0, 0);
  return inkOf(canvas);
}

export interface ReferenceText {
  text: string;
  /** Pixels. */
  size: number;
  /** Start of the baseline, in pixels from the upper left. */
  at: [x: number, y: number];
  /** Width of a cell in ems, in whose middle a character stands; missing: as wide as it is. */
  cell?: (character: string) => number;
}

/** The text character by character, in the font of the font package. */
export function drawReference(page: { width: number; height: number }, { text, size, at, cell }: ReferenceText): Ink {
  if (!GlobalFonts.has(FAMILY)) GlobalFonts.registerFromPath(KOREAN_FONT, FAMILY);
  const canvas = createCanvas(page.width, page.height);
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, page.width, page.height);
  context.fillStyle = '#000';
  context.font = `${size}px "${FAMILY}"`;
  let x = at[0];
  const y = Math.round(at[1]); // the canvas has baselines on whole pixels, and would round down
  for (const character of text) {
    const width = context.measureText(character).width;
    const room = cell === undefined ? width : cell(character) * size;
    context.fillText(character, x + (room - width) / 2, y);
    x += room;
  }
  return inkOf(canvas);
}

/** Side of the squares that are compared: wider than what hinting and smoothing move a stroke. */
const SQUARE = 3;

/** Common ink by all ink: 1 for the same picture, 0 for nothing in common. */
export function similarity(first: Ink, second: Ink): number {
  const [a, b] = [inSquares(first), inSquares(second)];
  let common = 0;
  let all = 0;
  for (const [i, ink] of a.entries()) {
    common += Math.min(ink, b[i] as number);
    all += Math.max(ink, b[i] as number);
  }
  return all === 0 ? 0 : common / all;
}

function inSquares({ data, width }: Ink): Float64Array {
  const columns = Math.ceil(width / SQUARE);
  const squares = new Float64Array(columns * Math.ceil(data.length / width / SQUARE));
  data.forEach((ink, i) => {
    const column = Math.floor((i % width) / SQUARE);
    const row = Math.floor(i / width / SQUARE);
    squares[row * columns + column] = (squares[row * columns + column] as number) + ink;
  });
  return squares;
}
