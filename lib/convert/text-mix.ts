/**
 * Which type a matrix of the language model is stored in: exactly the choice of llama.cpp's quantizer for the same
 * model without its cross layers, so that both make the same bytes (test/addon/quantize-parity.test.ts compares them).
 *
 * Its reasons, as far as they are told: attention values are small under grouped queries and hurt most; so do the down
 * projections, above all in the first and last layers; and the head decides the token.
 */

import { type ConversionType, fits, isQuantized, type StoredType } from './types.js';

export type TextRole =
  | 'embedding'
  | 'head'
  | 'attention value'
  | 'attention output'
  | 'feed-forward down'
  | 'text matrix';

/** What of the whole model and the conversion the mixes depend on. */
export interface MixFacts {
  type: ConversionType;
  selfLayers: number;
  /** Query heads that share a head of keys and values. */
  groupSize: number;
  /** Whether there is an importance matrix. */
  weighted: boolean;
}

/** Where a tensor stands among its kind. */
export interface LayerPlace {
  index: number;
  count: number;
}

type Condition = (place: LayerPlace, facts: MixFacts) => boolean;

/** The type of the first condition that holds; the base type where none does. */
type Rules = readonly (readonly [type: StoredType, when: Condition])[];

interface Mix {
  base: StoredType;
  value?: Rules;
  output?: StoredType;
  down?: Rules;
}

const always: Condition = () => true;
const wideGroups: Condition = (_, { groupSize }) => groupSize >= 4;
const first =
  (layers: number): Condition =>
  ({ index }) =>
    index < layers;
const firstPart =
  (parts: number): Condition =>
  ({ index, count }) =>
    index < Math.floor(count / parts);
const both =
  (one: Condition, other: Condition): Condition =>
  (place, facts) =>
    one(place, facts) && other(place, facts);
const weighted: Condition = (_, facts) => facts.weighted;
const unweighted: Condition = (_, facts) => !facts.weighted;
/** The layers that suffer most: the first and last eighth and every third between. */
const needsMoreBits: Condition = ({ index, count }) => {
  const eighth = Math.floor(count / 8);
  return index < eighth || index >= Math.floor((7 * count) / 8) || (index - eighth) % 3 === 2;
};

const moreBits: Rules = [['Q6_K', needsMoreBits]];
const fourBitsNonLinear: Omit<Mix, 'base'> = {
  value: [['Q5_K', wideGroups]],
  down: [['Q5_K', both(unweighted, firstPart(8))]],
};

const MIXES: Record<ConversionType, Mix> = {
  F32: { base: 'F32' },
  F16: { base: 'F16' },
  BF16: { base: 'BF16' },
  Q8_0: { base: 'Q8_0' },
  Q6_K: { base: 'Q6_K' },
  Q5_K_M: { base: 'Q5_K', value: moreBits, down: moreBits },
  Q5_K_S: { base: 'Q5_K' },
  Q5_1: { base: 'Q5_1' },
  // With importance weights a symmetric type can go wrong in the first down projections.
  Q5_0: { base: 'Q5_0', down: [['Q5_1', both(weighted, firstPart(8))]] },
  Q4_K_M: { base: 'Q4_K', value: moreBits, down: moreBits },
  Q4_K_S: { base: 'Q4_K', value: [['Q5_K', first(4)]], down: [['Q5_K', firstPart(8)]] },
  Q4_1: { base: 'Q4_1' },
  Q4_0: { base: 'Q4_0', down: [['Q4_1', both(weighted, firstPart(8))]] },
  IQ4_NL: { base: 'IQ4_NL', ...fourBitsNonLinear },
  IQ4_XS: { base: 'IQ4_XS', ...fourBitsNonLinear },
  Q3_K_L: { base: 'Q3_K', value: [['Q5_K', always]], output: 'Q5_K', down: [['Q5_K', always]] },
  Q3_K_M: {
    base: 'Q3_K',
    value: [
      ['Q5_K', first(2)],
      ['Q4_K', always],
    ],
    output: 'Q4_K',
    down: [
      ['Q5_K', firstPart(16)],
      ['Q4_K', always],
    ],
  },
  Q3_K_S: { base: 'Q3_K' },
  Q2_K: {
    base: 'Q2_K',
    value: [
      ['Q4_K', wideGroups],
      ['Q3_K', always],
    ],
    output: 'Q3_K',
    down: [['Q3_K', always]],
  },
  Q2_K_S: { base: 'Q2_K', value: [['Q4_K', wideGroups]], down: [['Q4_K', firstPart(8)]] },
};

/** The type of most matrices. */
export const baseType = (type: ConversionType): StoredType => MIXES[type].base;

/** The type a matrix is stored in, where its rows fit. `place`: of the layer's matrix among the layers of its kind. */
function chosenType(role: TextRole, facts: MixFacts, rowLength: number, place: LayerPlace): StoredType {
  const mix = MIXES[facts.type];
  const byRules = (rules: Rules = []) => rules.find(([, when]) => when(place, facts))?.[0] ?? mix.base;
  switch (role) {
    case 'head':
      return headType(mix.base, rowLength);
    case 'attention value':
      return valueType(byRules(mix.value), facts);
    case 'attention output':
      return mix.output ?? mix.base;
    case 'feed-forward down':
      return byRules(mix.down);
    default:
      return mix.base;
  }
}

function headType(base: StoredType, rowLength: number): StoredType {
  if (!fits(base, rowLength)) return 'Q8_0';
  return isQuantized(base) && base !== 'Q8_0' ? 'Q6_K' : base;
}

/** Models of 80 layers with grouped queries (70B) have values so small that five bits cost next to nothing. */
function valueType(type: StoredType, { selfLayers, groupSize }: MixFacts): StoredType {
  return selfLayers === 80 && groupSize > 1 && (type === 'Q3_K' || type === 'Q4_K') ? 'Q5_K' : type;
}

/** Where rows are not a whole number of blocks of 256: a type that is as good and has blocks of 32. */
const SMALLER: Partial<Record<StoredType, StoredType>> = {
  Q6_K: 'Q8_0',
  Q5_K: 'Q5_1',
  Q4_K: 'Q5_0',
  IQ4_XS: 'IQ4_NL',
  Q3_K: 'Q4_0',
  Q2_K: 'Q4_0',
};

/** The type, or what is stored instead where rows are not a whole number of its blocks. */
export function fitTextRows(type: StoredType, rowLength: number): StoredType {
  if (fits(type, rowLength)) return type;
  const smaller = SMALLER[type] ?? type;
  return fits(smaller, rowLength) ? smaller : 'F16';
}

/** The type a matrix is stored in. `rowLength`: elements of its fastest dimension. */
export function textType(
  role: TextRole,
  facts: MixFacts,
  rowLength: number,
  place: LayerPlace = { index: 0, count: 1 },
): StoredType {
  return fitTextRows(chosenType(role, facts, rowLength, place), rowLength);
}
