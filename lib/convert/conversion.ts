/** What every conversion does, wherever the bytes of its tensors come from. */

import { toBllossomError } from '../errors.js';
import type { NativeGgufWriter, NativeGgufWriterOptions, NativeMetadataEntry } from '../native/binding.js';
import { loadNative } from '../native/load.js';
import type { Checkpoint } from './checkpoint.js';
import { type IntermediateStates, readHyperParameters } from './hyper-parameters.js';
import { buildMetadata } from './metadata.js';
import { type PlannedTensor, planTensors, type SourceType } from './plan.js';
import { readTokenizer } from './tokenizer.js';
import type { ConversionType, StoredType } from './types.js';

/** The whole file, before a byte of its tensors is read. */
export interface Conversion {
  metadata: NativeMetadataEntry[];
  plan: PlannedTensor[];
}

/** Checks the checkpoint against itself and plans the file. */
export function prepareConversion(
  checkpoint: Checkpoint,
  type: ConversionType,
  intermediates: IntermediateStates,
): Conversion {
  const hp = readHyperParameters(checkpoint, intermediates);
  const tokenizer = readTokenizer(checkpoint, hp.text.vocabSize, hp.imageTokenId);
  const plan = planTensors(checkpoint.tensors.tensors, hp, type);
  return { plan, metadata: buildMetadata(hp, tokenizer, checkpoint.chatTemplate, type) };
}

export async function openWriter(
  output: string,
  { metadata, plan }: Conversion,
  options: NativeGgufWriterOptions,
): Promise<NativeGgufWriter> {
  const tensors = plan.map(({ name, type, ne }) => ({ name, type, ne }));
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

  /** Writes whole units. */
  async write(units: Uint8Array): Promise<void> {
    const bytes = this.#transform?.apply(units, this.rowBytes, this.#elementBytes) ?? units;
    await native(() => this.writer.write(this.index, bytes, this.#sourceType));
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

/** Writes a tensor that is computed rather than read; does nothing for another. */
export async function writeComputed(writer: NativeGgufWriter, index: number, { source }: PlannedTensor): Promise<void> {
  if (!('values' in source)) return;
  const { buffer, byteOffset, byteLength } = source.values;
  await native(() => writer.write(index, new Uint8Array(buffer, byteOffset, byteLength), 'F32'));
}

export interface PlanSummary {
  parameters: number;
  /** Tensors per stored type. */
  tensors: Partial<Record<StoredType, number>>;
}

export function summarize(plan: readonly PlannedTensor[]): PlanSummary {
  const tensors: Partial<Record<StoredType, number>> = {};
  let parameters = 0;
  for (const { name, ne, type } of plan) {
    tensors[type] = (tensors[type] ?? 0) + 1;
    parameters += name === 'rope_freqs.weight' ? 0 : ne.reduce((product, n) => product * n, 1);
  }
  return { parameters, tensors };
}
