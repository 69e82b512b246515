/** The names of types: what a conversion is asked for, and what a tensor is stored in. */

/** llama.cpp's mixes, from the most bits to the fewest, more or less. */
export const CONVERSION_TYPES = [
  ...(['F32', 'F16', 'BF16', 'Q8_0', 'Q6_K', 'Q5_K_M', 'Q5_K_S', 'Q5_1', 'Q5_0'] as const),
  ...(['Q4_K_M', 'Q4_K_S', 'Q4_1', 'Q4_0', 'IQ4_NL', 'IQ4_XS'] as const),
  ...(['Q3_K_L', 'Q3_K_M', 'Q3_K_S', 'Q2_K', 'Q2_K_S'] as const),
] as const;

export type ConversionType = (typeof CONVERSION_TYPES)[number];

/** llama.cpp's numbers of the mixes: `general.file_type`. */
export const FILE_TYPE_NUMBERS: Record<ConversionType, number> = {
  ...{ F32: 0, F16: 1, BF16: 32, Q8_0: 7, Q6_K: 18, Q5_K_M: 17, Q5_K_S: 16, Q5_1: 9, Q5_0: 8 },
  ...{ Q4_K_M: 15, Q4_K_S: 14, Q4_1: 3, Q4_0: 2, IQ4_NL: 25, IQ4_XS: 30 },
  ...{ Q3_K_L: 13, Q3_K_M: 12, Q3_K_S: 11, Q2_K: 10, Q2_K_S: 21 },
};

/** What a tensor may be stored in. */
export type StoredType =
  | ('F32' | 'F16' | 'BF16' | 'Q8_0' | 'Q6_K' | 'Q5_K' | 'Q5_1' | 'Q5_0')
  | ('Q4_K' | 'Q4_1' | 'Q4_0' | 'IQ4_NL' | 'IQ4_XS' | 'Q3_K' | 'Q2_K');

/** Elements per block. */
const BLOCK: Record<StoredType, number> = {
  ...{ F32: 1, F16: 1, BF16: 1 },
  ...{ Q8_0: 32, Q5_1: 32, Q5_0: 32, Q4_1: 32, Q4_0: 32, IQ4_NL: 32 },
  ...{ Q6_K: 256, Q5_K: 256, Q4_K: 256, Q3_K: 256, Q2_K: 256, IQ4_XS: 256 },
};

/** Whether rows of so many elements are a whole number of blocks. */
export const fits = (type: StoredType, rowLength: number): boolean => rowLength % BLOCK[type] === 0;

/** Whether the type stores blocks of elements with common scales. */
export const isQuantized = (type: StoredType): boolean => BLOCK[type] > 1;

/** Whether the quantizer of the type chooses its scales by importance weights. */
export const usesImportance = (type: StoredType): boolean => isQuantized(type) && type !== 'Q8_0';
