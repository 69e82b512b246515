/**
 * Which type each tensor is stored in. The language model without its cross layers follows llama.cpp (text-mix.ts); the
 * table here is ours, for the parts that llama.cpp does not know.
 *
 * Why it looks as it does:
 * - Vectors (norms, biases, gates) are always F32: ggml adds and multiplies in F32.
 * - The vision tower and the projector never get F16: their activations overflow it, and with F16 weights some backends
 *   also compute in F16. BF16 holds the checkpoint's values exactly; the quantized types run on the integer path.
 * - The tower is run once per image and small against the text model, so its matrices keep eight bits; six where the text
 *   model has three or fewer. Its down projections take the largest activations and always keep eight, and so does the
 *   projector, which every picture passes.
 * - The position tables and the patch kernel are looked up or run once per image: nothing is won by quantizing them.
 * - Values and output projections of the cross layers are at least one step higher than the other matrices: they carry
 *   all that a picture says to the text, through gates close to zero, and known 4-bit builds leave them unquantized.
 * - Down projections of the cross layers get what those of the self layers do, counted among the cross layers.
 */

import { baseType, fitTextRows, type LayerPlace, type MixFacts, type TextRole, textType } from './text-mix.js';
import { fits, type StoredType } from './types.js';

type CrossRole = 'cross value' | 'cross output' | 'cross down' | 'cross matrix';
type VisionRole = 'table' | 'patch kernel' | 'vision matrix' | 'vision down' | 'projector';
export type TensorRole = 'vector' | TextRole | CrossRole | VisionRole;

interface OwnTypes {
  /** Values and output projections of the cross layers. */
  cross: StoredType;
  vision: StoredType;
  /** Down projections of the vision tower, and the projector. */
  visionDown: StoredType;
}

/** By the base type of the text model. */
const OWN: Record<StoredType, OwnTypes> = {
  F32: { cross: 'F32', vision: 'F32', visionDown: 'F32' },
  F16: { cross: 'F16', vision: 'BF16', visionDown: 'BF16' },
  BF16: { cross: 'BF16', vision: 'BF16', visionDown: 'BF16' },
  Q8_0: { cross: 'Q8_0', vision: 'Q8_0', visionDown: 'Q8_0' },
  Q6_K: { cross: 'Q8_0', vision: 'Q8_0', visionDown: 'Q8_0' },
  Q5_K: { cross: 'Q6_K', vision: 'Q8_0', visionDown: 'Q8_0' },
  Q5_1: { cross: 'Q6_K', vision: 'Q8_0', visionDown: 'Q8_0' },
  Q5_0: { cross: 'Q6_K', vision: 'Q8_0', visionDown: 'Q8_0' },
  Q4_K: { cross: 'Q6_K', vision: 'Q8_0', visionDown: 'Q8_0' },
  Q4_1: { cross: 'Q6_K', vision: 'Q8_0', visionDown: 'Q8_0' },
  Q4_0: { cross: 'Q6_K', vision: 'Q8_0', visionDown: 'Q8_0' },
  IQ4_NL: { cross: 'Q6_K', vision: 'Q8_0', visionDown: 'Q8_0' },
  IQ4_XS: { cross: 'Q6_K', vision: 'Q8_0', visionDown: 'Q8_0' },
  Q3_K: { cross: 'Q5_K', vision: 'Q6_K', visionDown: 'Q8_0' },
  Q2_K: { cross: 'Q4_K', vision: 'Q6_K', visionDown: 'Q8_0' },
};

/** The next type that is as good, has smaller blocks, and is not F16. */
function fitVisionRows(type: StoredType, rowLength: number): StoredType {
  if (fits(type, rowLength)) return type;
  return fits('Q8_0', rowLength) ? 'Q8_0' : 'BF16';
}

/**
 * The type a tensor is stored in.
 *
 * @param rowLength elements of its fastest dimension
 * @param place where its layer stands among the self layers, for a cross layer among the cross layers
 */
export function storedType(role: TensorRole, facts: MixFacts, rowLength: number, place?: LayerPlace): StoredType {
  const base = baseType(facts.type);
  const own = OWN[base];
  switch (role) {
    case 'vector':
      return 'F32';
    case 'table':
    case 'patch kernel':
      return base === 'F32' ? 'F32' : 'BF16';
    case 'vision matrix':
      return fitVisionRows(own.vision, rowLength);
    case 'vision down':
    case 'projector':
      return fitVisionRows(own.visionDown, rowLength);
    case 'cross value':
    case 'cross output':
      return fitTextRows(own.cross, rowLength);
    case 'cross down':
      return textType('feed-forward down', facts, rowLength, place);
    case 'cross matrix':
      return textType('text matrix', facts, rowLength);
    default:
      return textType(role, facts, rowLength, place);
  }
}
