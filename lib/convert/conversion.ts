/** What every conversion does, wherever the bytes of its tensors come from. */

import { InvalidOptionError, toBllossomError } from '../errors.js';
import type {
  NativeConversionLoss,
  NativeGgufWriter,
  NativeGgufWriterOptions,
  NativeMetadataEntry,
  NativeTensorPlan,
} from '../native/binding.js';
import { loadNative } from '../native/load.js';
import type { Checkpoint } from './checkpoint.js';
import { type IntermediateStates, readHyperParameters } from './hyper-parameters.js';
import { type Importance, readImportance } from './imatrix.js';
import { buildMetadata } from './metadata.js';
import { type PlannedTensor, planTensors, type SourceType } from './plan.js';
import { readTokenizer } from './tokenizer.js';
import { type ConversionType, usesImportance } from './types.js';

/** The whole file, before a byte of its tensors is read. */
export interface Conversion {
  metadata: NativeMetadataEntry[];
  plan: PlannedTensor[];
  /** The plan as the writer takes it. */
  tensors: NativeTensorPlan[];
  importance: Importance | undefined;
}

export interface ConversionChoice {
  type: ConversionType;
  intermediates: IntermediateStates;
  /** File of an importance matrix. */
  imatrix?: string | undefined;
}

/** Checks the checkpoint against itself and plans the file. */
export async function prepareConversion(
  checkpoint: Checkpoint,
  { type, intermediates, imatrix }: ConversionChoice,
): Promise<Conversion> {
  const hp = readHyperParameters(checkpoint, intermediates);
  const tokenizer = readTokenizer(checkpoint, hp.text.vocabSize, hp.imageTokenId);
  const plan = planTensors(checkpoint.tensors.tensors, hp, { type, weighted: imatrix !== undefined });
  const importance = imatrix === undefined ? undefined : await readImportance(imatrix, plan);
  return {
    ...{ plan, importance },
    metadata: buildMetadata(hp, tokenizer, checkpoint.chatTemplate, type),
    tensors: plan.map((planned) => nativePlan(planned, type, importance)),
  };
}

/**
 * A tensor as the writer takes it.
 *
 * @throws InvalidOptionError where its type cannot do without importance weights: Q2_K in a mix that has little else
 */
function nativePlan({ name, type, ne }: PlannedTensor, requested: ConversionType, importance: Importance | undefined) {
  const weights = usesImportance(type) ? importance?.get(name) : undefined;
  const isLayer = name.startsWith('blk.');
  if (requested === 'Q2_K_S' && type === 'Q2_K' && isLayer && weights === undefined) {
    throw new InvalidOptionError(
      `Q2_K_S needs importance weights for ${name}, ` +
        `${importance === undefined ? 'and no importance matrix is given' : 'and the importance matrix has none'}; ` +
        'make one with "bllossom imatrix", or take Q2_K',
    );
  }
  return { name, type, ne, importance: weights };
}

export async function openWriter(
  output: string,
  { metadata, tensors }: Conversion,
  options: NativeGgufWriterOptions,
): Promise<NativeGgufWriter> {
  const { GgufWriter } = loadNative();
  return native(() => new GgufWriter(output, metadata, tensors, options));
}

/** A call of the addon, its failure typed. */
export async function native<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toBllossomError(error);
  }
}

/** A tensor of the checkpoint on its way into the file: units of rows that must stay together, reordered. */
export class TensorConverter {
  /** Bytes of the checkpoint that must come together. */
  readonly unitBytes: number;
  readonly rowBytes: number;
  readonly #elementBytes: number;

  constructor(
    private readonly writer: NativeGgufWriter,
    /** In the plan. */
    readonly index: number,
    private readonly planned: PlannedTensor,
  ) {
    this.#elementBytes = this.#sourceType === 'F32' ? 4 : 2;
    this.rowBytes = (planned.ne[0] as number) * this.#elementBytes;
    this.unitBytes = this.rowBytes * (this.#transform?.unitRows ?? 1);
  }

  /** Writes whole units. Resolves with what they lost. */
  async write(units: Uint8Array): Promise<NativeConversionLoss> {
    const bytes = this.#transform?.apply(units, this.rowBytes, this.#elementBytes) ?? units;
    return native(() => this.writer.write(this.index, bytes, this.#sourceType));
  }

  get #sourceType(): SourceType {
    const { source } = this.planned;
    return 'tensor' in source ? source.sourceType : 'F32';
  }

  get #transform() {
    const { source } = this.planned;
    return 'tensor' in source ? source.transform : undefined;
  }
}

/** Writes a tensor that is computed rather than read; does nothing for another. Resolves with what it lost. */
export async function writeComputed(
  writer: NativeGgufWriter,
  index: number,
  { source }: PlannedTensor,
): Promise<NativeConversionLoss | undefined> {
  if (!('values' in source)) return undefined;
  const { buffer, byteOffset, byteLength } = source.values;
  return native(() => writer.write(index, new Uint8Array(buffer, byteOffset, byteLength), 'F32'));
}
