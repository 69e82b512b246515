/**
 * The memory that a model takes, from its numbers alone: for models that are not at hand, and without their settings.
 * A test compares it with what the engine allocates; `ModelManager.planMemory` measures it for a file and its settings.
 */

import type { HyperParameters } from './convert/hyper-parameters.js';

/** Bytes that running a model takes, with caches in F16. */
export interface MemoryEstimate {
  weights: number;
  /** Self-attention keys and values, per 1,000 tokens and for a context of 8,192. */
  selfCachePer1000Tokens: number;
  selfCacheAt8192: number;
  /** Cross-attention keys and values of one image with all its tiles. */
  crossCachePerImage: number;
  /** Intermediate results, with the default settings. */
  scratch: number;
  /** All of it with the default settings: a context of 8,192 (or what the model was trained for) and four images. */
  total: number;
}

/** What of the numbers of a model counts. */
export interface MemoryNumbers {
  text: Pick<
    HyperParameters['text'],
    'blockCount' | 'embeddingLength' | 'feedForwardLength' | 'headCount' | 'headCountKv' | 'contextLength'
  > & { crossLayerCount: number };
  vision: Pick<
    HyperParameters['vision'],
    'embeddingLength' | 'feedForwardLength' | 'imageSize' | 'patchSize' | 'channels' | 'maxTiles'
  > & { intermediateCount: number };
}

/** The engine's defaults (cpp/engine/placement-plan.cpp, context.cpp). */
const CONTEXT = 8192;
const BATCH = 512;
const IMAGES = 4;
/** Cells of a cache, and of an image in the cross cache, come in multiples of this. */
const CELL_PADDING = 256;
/** Rows of a tile in the vision tower come in multiples of this. */
const ROW_PADDING = 8;
const F32 = 4;
const F16 = 2;

/** @param weights bytes of all tensors */
export function estimateMemory(weights: number, numbers: MemoryNumbers): MemoryEstimate {
  const { text, vision } = numbers;
  const layerCell = 2 * text.headCountKv * (text.embeddingLength / text.headCount) * F16; // a key and a value
  const selfCell = (text.blockCount - text.crossLayerCount) * layerCell;
  const crossCell = text.crossLayerCount * layerCell;
  const rows = vision.maxTiles * positions(vision);
  const cells = roundUp(Math.min(text.contextLength, CONTEXT), CELL_PADDING);
  const crossCells = IMAGES * roundUp(rows, CELL_PADDING);
  const scratch = Math.max(visionScratch(vision), textScratch(text, cells, crossCells));
  return {
    weights,
    selfCachePer1000Tokens: 1000 * selfCell,
    selfCacheAt8192: 8192 * selfCell,
    crossCachePerImage: rows * crossCell,
    scratch,
    total: weights + cells * selfCell + crossCells * crossCell + scratch,
  };
}

function positions({ imageSize, patchSize }: MemoryNumbers['vision']): number {
  return Math.floor(imageSize / patchSize) ** 2 + 1;
}

/**
 * The states that the tower holds at its widest: at the end, where the kept ones are joined to what the projector reads
 * (the joined ones twice, before and after the last, and one more), or in a feed-forward block beside the kept ones.
 */
function visionScratch(vision: MemoryNumbers['vision']): number {
  const { embeddingLength: width, feedForwardLength, intermediateCount: kept, maxTiles, patchSize, channels } = vision;
  const rows = maxTiles * roundUp(positions(vision), ROW_PADDING);
  const row = Math.max((2 * kept + 3) * width, (kept + 2) * width + feedForwardLength);
  const patches = maxTiles * (positions(vision) - 1) * patchSize ** 2 * channels;
  return F32 * (rows * row + patches);
}

/** The masks, and a batch in a feed-forward block: its input twice, gate, up and their product. */
function textScratch(text: MemoryNumbers['text'], cells: number, crossCells: number): number {
  const batch = Math.min(BATCH, cells);
  return batch * (F16 * (cells + crossCells) + F32 * (2 * text.embeddingLength + 3 * text.feedForwardLength));
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
