/**
 * Where an image lies on its canvas of tiles. Pure geometry in the doubles and the order of operations of transformers'
 * Mllama image processor (`get_optimal_tiled_canvas`, `get_image_size_fit_to_canvas`), whose rounding it repeats.
 */

export interface TileGeometry {
  /** Side of a tile in pixels. */
  tileSize: number;
  /** Length of the mask. */
  maxTiles: number;
  /** (rows, cols), as the model file lists them. */
  aspectRatios: readonly (readonly [number, number])[];
}

export interface Size {
  width: number;
  height: number;
}

export interface TilePlan {
  rows: number;
  cols: number;
  /** Size of the image on the canvas, at its top left. */
  resized: Size;
  /** Index in the list of ratios + 1; 0 would mean "no image". */
  aspectRatioId: number;
  /** [maxTiles]: 1 for a tile of the image, 0 for padding. */
  mask: number[];
}

/**
 * The canvas that shrinks the image least, or, where the whole image fits, the one that leaves the least room; and the
 * size to give the image there. An image is enlarged only while both sides stay below a tile.
 *
 * @param size sides in pixels, both at least 1
 */
export function planTiles(size: Size, geometry: TileGeometry): TilePlan {
  const index = chooseCanvas(size, geometry);
  const [rows, cols] = geometry.aspectRatios[index] as readonly [number, number];
  const canvas = { width: cols * geometry.tileSize, height: rows * geometry.tileSize };
  return {
    rows,
    cols,
    resized: fitToCanvas(size, canvas, geometry.tileSize),
    aspectRatioId: index + 1,
    mask: Array.from({ length: geometry.maxTiles }, (_, tile) => (tile < rows * cols ? 1 : 0)),
  };
}

/** Index of the chosen ratio: smallest scale of at least 1, else the largest scale; ties go to the smallest area, then to the first. */
function chooseCanvas({ width, height }: Size, { tileSize, aspectRatios }: TileGeometry): number {
  const scales = aspectRatios.map(([rows, cols]) => Math.min((rows * tileSize) / height, (cols * tileSize) / width));
  const enlarging = scales.filter((scale) => scale >= 1);
  const chosen = enlarging.length > 0 ? Math.min(...enlarging) : Math.max(...scales);
  const area = (index: number) => {
    const [rows, cols] = aspectRatios[index] as readonly [number, number];
    return rows * cols;
  };
  let best = -1;
  for (const [index, scale] of scales.entries()) {
    if (scale === chosen && (best < 0 || area(index) < area(best))) best = index;
  }
  return best;
}

function fitToCanvas({ width, height }: Size, canvas: Size, tileSize: number): Size {
  const target = {
    width: Math.min(Math.max(width, tileSize), canvas.width),
    height: Math.min(Math.max(height, tileSize), canvas.height),
  };
  const scaleWidth = target.width / width;
  const scaleHeight = target.height / height;
  // Scale first, multiply then: floor(height * (a / b)) is not floor(height * a / b) for every size.
  if (scaleWidth < scaleHeight) {
    return { width: target.width, height: Math.min(Math.floor(height * scaleWidth) || 1, target.height) };
  }
  return { width: Math.min(Math.floor(width * scaleHeight) || 1, target.width), height: target.height };
}
