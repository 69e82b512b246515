/**
 * Which type each tensor is stored in. One table: the role of a tensor against the requested type.
 *
 * Why it looks as it does:
 * - The vision tower and the projector never get F16: their activations overflow it, and with F16 weights some backends
 *   also compute in F16. BF16 holds the checkpoint's values exactly; Q8_0 runs on the integer path.
 * - Q4_K_M follows llama.cpp's mix: the head in Q6_K, attention values and the MLP's down projections in Q6_K on the
 *   layers that are hurt most (`needsMoreBits`), the other matrices of the text model in Q4_K.
 * - The output projections of the cross layers are one step higher: they carry all that a picture says to the text,
 *   through gates close to zero, and known 4-bit builds leave them unquantized.
 * - The position tables and the patch kernel are looked up or run once per image: nothing is won by quantizing them.
 * - Vectors (norms, biases, gates) are always F32: ggml adds and multiplies in F32.
 */

export const CONVERSION_TYPES = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_K_M'] as const;
export type ConversionType = (typeof CONVERSION_TYPES)[number];

export type StoredType = 'F32' | 'F16' | 'BF16' | 'Q8_0' | 'Q6_K' | 'Q5_0' | 'Q4_K';

/** llama.cpp's numbers of the file types: `general.file_type`. */
export const FILE_TYPE_NUMBERS: Record<ConversionType, number> = { F32: 0, F16: 1, BF16: 32, Q8_0: 7, Q4_K_M: 15 };

export type TensorRole =
  | 'vector'
  | 'table'
  | 'patch kernel'
  | 'vision matrix'
  | 'embedding'
  | 'head'
  | 'attention value'
  | 'feed-forward down'
  | 'cross output'
  | 'text matrix';

const TYPES: Record<TensorRole, Record<ConversionType, StoredType>> = {
  vector: { F32: 'F32', F16: 'F32', BF16: 'F32', Q8_0: 'F32', Q4_K_M: 'F32' },
  table: { F32: 'F32', F16: 'BF16', BF16: 'BF16', Q8_0: 'BF16', Q4_K_M: 'BF16' },
  'patch kernel': { F32: 'F32', F16: 'BF16', BF16: 'BF16', Q8_0: 'BF16', Q4_K_M: 'BF16' },
  'vision matrix': { F32: 'F32', F16: 'BF16', BF16: 'BF16', Q8_0: 'Q8_0', Q4_K_M: 'Q8_0' },
  embedding: { F32: 'F32', F16: 'F16', BF16: 'BF16', Q8_0: 'Q8_0', Q4_K_M: 'Q4_K' },
  head: { F32: 'F32', F16: 'F16', BF16: 'BF16', Q8_0: 'Q8_0', Q4_K_M: 'Q6_K' },
  'attention value': { F32: 'F32', F16: 'F16', BF16: 'BF16', Q8_0: 'Q8_0', Q4_K_M: 'Q4_K' },
  'feed-forward down': { F32: 'F32', F16: 'F16', BF16: 'BF16', Q8_0: 'Q8_0', Q4_K_M: 'Q4_K' },
  'cross output': { F32: 'F32', F16: 'F16', BF16: 'BF16', Q8_0: 'Q8_0', Q4_K_M: 'Q6_K' },
  'text matrix': { F32: 'F32', F16: 'F16', BF16: 'BF16', Q8_0: 'Q8_0', Q4_K_M: 'Q4_K' },
};

/** What these roles get in Q4_K_M on the layers that need more bits. */
const MORE_BITS: Partial<Record<TensorRole, StoredType>> = { 'attention value': 'Q6_K', 'feed-forward down': 'Q6_K' };

/** Where rows are not a whole number of blocks: the next type that is as good and has smaller blocks. */
const NEXT: Partial<Record<StoredType, StoredType>> = { Q4_K: 'Q5_0', Q6_K: 'Q8_0', Q5_0: 'BF16', Q8_0: 'BF16' };

/** Elements per block. */
const BLOCK: Record<StoredType, number> = { F32: 1, F16: 1, BF16: 1, Q8_0: 32, Q5_0: 32, Q4_K: 256, Q6_K: 256 };

/** Where a tensor stands among its kind, for roles whose type depends on it. */
export interface LayerPlace {
  index: number;
  count: number;
}

/** llama.cpp's choice of the layers that suffer most from few bits: the first and last eighth and every third between. */
export function needsMoreBits({ index, count }: LayerPlace): boolean {
  const eighth = Math.floor(count / 8);
  return index < eighth || index >= Math.floor((7 * count) / 8) || (index - eighth) % 3 === 2;
}

/** The type a tensor is stored in. `rowLength`: elements of its fastest dimension. */
export function storedType(role: TensorRole, type: ConversionType, rowLength: number, place?: LayerPlace): StoredType {
  let stored = TYPES[role][type];
  if (type === 'Q4_K_M' && place !== undefined && needsMoreBits(place)) {
    stored = MORE_BITS[role] ?? stored;
  }
  while (rowLength % BLOCK[stored] !== 0) {
    stored = NEXT[stored] ?? 'BF16';
  }
  return stored;
}
