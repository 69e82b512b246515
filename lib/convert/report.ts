import type { NativeConversionLoss } from '../native/binding.js';
import type { Importance } from './imatrix.js';
import type { PlannedTensor, SourceType } from './plan.js';
import { type ConversionType, type StoredType, usesImportance } from './types.js';

export interface ConversionReport {
  output: string;
  type: ConversionType;
  parameters: number;
  /** Tensors per stored type. */
  tensors: Partial<Record<StoredType, number>>;
  /** Every tensor, in the file's order. */
  details: ConvertedTensor[];
  /**
   * Names of tensors that an importance matrix would have served: without one, those of three bits or fewer, which lose
   * much; with one, those that it does not know.
   */
  unweighted: string[];
  seconds: number;
}

export interface ConvertedTensor {
  name: string;
  /** ggml order, fastest dimension first. */
  shape: number[];
  /** Its type in the checkpoint; F32 for computed values. */
  source: SourceType;
  /** Its type in the file. */
  type: StoredType;
  /** Root mean square of the error over that of the weights: 0 where nothing is lost. */
  error: number;
}

/** Types of so few bits that the quantizer does much better with importance weights. */
const LOW: readonly StoredType[] = ['Q2_K', 'Q3_K'];

/** @param losses of the plan's tensors, in its order */
export function reportTensors(
  plan: readonly PlannedTensor[],
  losses: readonly NativeConversionLoss[],
  importance: Importance | undefined,
): Pick<ConversionReport, 'parameters' | 'tensors' | 'details' | 'unweighted'> {
  const tensors: ConversionReport['tensors'] = {};
  const details: ConvertedTensor[] = [];
  let parameters = 0;
  for (const [i, { name, ne, type, source }] of plan.entries()) {
    tensors[type] = (tensors[type] ?? 0) + 1;
    parameters += name === 'rope_freqs.weight' ? 0 : ne.reduce((product, n) => product * n, 1);
    const { squaredError, squaredSum } = losses[i] as NativeConversionLoss;
    const error = squaredSum === 0 ? 0 : Math.sqrt(squaredError / squaredSum);
    details.push({ name, shape: ne, source: 'sourceType' in source ? source.sourceType : 'F32', type, error });
  }
  return { parameters, tensors, details, unweighted: unweightedTensors(plan, importance) };
}

function unweightedTensors(plan: readonly PlannedTensor[], importance: Importance | undefined): string[] {
  const untied = plan.some(({ name }) => name === 'output.weight');
  return plan
    .filter(({ name }) => !(untied && name === 'token_embd.weight')) // no input is multiplied with it: it has no weights
    .filter(({ type }) => (importance === undefined ? LOW.includes(type) : usesImportance(type)))
    .filter(({ name }) => importance?.has(name) !== true)
    .map(({ name }) => name);
}
