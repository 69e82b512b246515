// A picture in the terminal: two pixels in each cell, the upper one as a half block, the lower one as its background.
import sharp from 'sharp';

const ROWS = 20; // cells at most, so that picture and answer stand on one screen

const colour = ([red, green, blue]) => `${red};${green};${blue}`;

/** The picture as lines of cells, no wider than `columns`, or '' where the terminal shows fewer than 2^24 colours. */
export async function drawPicture(file, terminal = process.stdout) {
  if (!terminal.isTTY || !terminal.hasColors(2 ** 24)) return '';
  const limits = { width: terminal.columns ?? 80, height: 2 * ROWS, fit: 'inside' };
  const { data, info } = await sharp(file).removeAlpha().resize(limits).raw().toBuffer({ resolveWithObject: true });
  const pixel = (x, y) => data.subarray((y * info.width + x) * 3).subarray(0, 3);
  let lines = '';
  for (let y = 0; y + 1 < info.height; y += 2) {
    for (let x = 0; x < info.width; x += 1)
      lines += `\x1b[38;2;${colour(pixel(x, y))};48;2;${colour(pixel(x, y + 1))}m▀`;
    lines += '\x1b[0m\n';
  }
  return lines;
}
