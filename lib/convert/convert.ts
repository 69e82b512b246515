import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  checkCallback,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkPath,
  checkSignal,
  fail,
  reading,
} from '../check.js';
import { InvalidOptionError } from '../errors.js';
import type { NativeConversionLoss, NativeGgufWriter } from '../native/binding.js';
import { callersFiles } from './callers-files.js';
import { openCheckpoint } from './checkpoint.js';
import { openCheckpointFolder } from './checkpoint-folder.js';
import { native, openWriter, prepareConversion, TensorConverter, writeComputed } from './conversion.js';
import { INTERMEDIATE_STATES, type IntermediateStates } from './hyper-parameters.js';
import type { PlannedTensor } from './plan.js';
import { type ConversionReport, reportTensors } from './report.js';
import type { CheckpointFiles, TensorSource } from './tensor-source.js';
import { CONVERSION_TYPES, type ConversionType } from './types.js';

export type { ConversionReport, ConvertedTensor } from './report.js';

export interface ConversionOptions {
  /** The folder of a Hugging Face checkpoint, or any other place that can read one. */
  source: string | CheckpointFiles;
  /** The GGUF file to write. It appears, or replaces an old one, only when it is complete. */
  output: string;
  /** Default "Q4_K_M". */
  type?: ConversionType | undefined;
  /**
   * An importance matrix: a GGUF file that `bllossom imatrix` has made with this model. The types from Q6_K down lose
   * less with it; Q2_K_S cannot be made without. Default: none.
   */
  imatrix?: string | undefined;
  /** Which states the checkpoint's intermediate_layers_indices mean. Default "entering". */
  intermediates?: IntermediateStates | undefined;
  /** Threads that convert; 0 (default): all of the machine. */
  threads?: number | undefined;
  /** What it throws ends the conversion, which rejects with it. */
  onProgress?: ((progress: ConversionProgress) => void) | undefined;
  /** Stops the conversion between two pieces of a tensor. */
  signal?: AbortSignal | undefined;
}

export interface ConversionProgress {
  /** Name in the file of the tensor that was written last. */
  tensor: string;
  /** Of the checkpoint's tensors. */
  bytesDone: number;
  bytesTotal: number;
}

/** Bytes of a checkpoint that are in memory at once, where a unit of rows does not need more. */
const PIECE_BYTES = 32 * 1024 * 1024;

/**
 * Converts a Hugging Face checkpoint of a Mllama model to one GGUF file (docs/gguf.md).
 *
 * Rejects with InvalidOptionError, ModelNotFoundError, ModelFormatError, ModelUnsupportedError, IoError, or with the
 * signal's reason. Whatever happens, no temporary file stays and an existing output is whole.
 */
export async function convertCheckpoint(options: ConversionOptions): Promise<ConversionReport> {
  const { source, output, type, intermediates, imatrix, threads, ...listeners } = resolveOptions(options);
  const started = performance.now();
  const files = typeof source === 'string' ? await openCheckpointFolder(source) : callersFiles(source);
  if (typeof source === 'string') await checkOutput(source, output);
  const checkpoint = await openCheckpoint(files);
  try {
    const conversion = await prepareConversion(checkpoint, { type, intermediates, imatrix });
    const writer = await openWriter(output, conversion, { threads });
    let losses: NativeConversionLoss[];
    try {
      losses = await writeTensors(writer, checkpoint.tensors, conversion.plan, listeners);
      await native(() => writer.finish());
    } finally {
      writer.abort();
    }
    const report = reportTensors(conversion.plan, losses, conversion.importance);
    return { output, type, ...report, seconds: (performance.now() - started) / 1000 };
  } finally {
    await checkpoint.close();
  }
}

const KEYS = ['source', 'output', 'type', 'intermediates', 'imatrix', 'threads', 'onProgress', 'signal'];

/** The options, checked and complete. */
function resolveOptions(options: ConversionOptions) {
  const given = checkOptions('options', options, KEYS);
  const { source, output, type = 'Q4_K_M', intermediates = 'entering', threads = 0, onProgress, signal } = given;
  const { imatrix } = given;
  return {
    onProgress: checkCallback('onProgress', onProgress),
    signal: signal === undefined ? undefined : checkSignal('signal', signal),
    source: checkSource(source),
    output: checkPath('output', output),
    type: checkOneOf('type', type, CONVERSION_TYPES),
    imatrix: imatrix === undefined ? undefined : checkPath('imatrix', imatrix),
    intermediates: checkOneOf('intermediates', intermediates, INTERMEDIATE_STATES),
    threads: checkInteger('threads', threads, { min: 0, max: 1024 }),
  };
}

function checkSource(source: ConversionOptions['source'] | undefined): string | CheckpointFiles {
  if (typeof source === 'string') return checkPath('source', source);
  if (reading('source cannot be read', () => typeof source?.list === 'function')) return source as CheckpointFiles;
  return fail('source', 'the path of a folder or an object that reads a checkpoint', source);
}

/** An old GGUF file may be replaced; a file of the checkpoint would be lost. */
async function checkOutput(source: string, output: string): Promise<void> {
  const old = await stat(output).catch(() => undefined);
  if (!old?.isFile() || output.toLowerCase().endsWith('.gguf')) return;
  if ((await realpath(dirname(output))) === (await realpath(source))) {
    throw new InvalidOptionError(`output is ${output}, a file of the checkpoint; name one that ends in .gguf`);
  }
}

/** Returns what each tensor of the plan lost. */
async function writeTensors(
  writer: NativeGgufWriter,
  source: TensorSource,
  plan: PlannedTensor[],
  { onProgress, signal }: Pick<ConversionOptions, 'onProgress' | 'signal'>,
): Promise<NativeConversionLoss[]> {
  const losses: NativeConversionLoss[] = [];
  const bytesTotal = plan.reduce((sum, { source: from }) => sum + ('tensor' in from ? from.tensor.bytes : 0), 0);
  let bytesDone = 0;
  for (const [index, planned] of plan.entries()) {
    signal?.throwIfAborted();
    const loss = (await writeComputed(writer, index, planned)) ?? { squaredError: 0, squaredSum: 0 };
    losses.push(loss);
    for await (const { bytes, squaredError, squaredSum } of convertTensor(writer, source, index, planned)) {
      loss.squaredError += squaredError;
      loss.squaredSum += squaredSum;
      bytesDone += bytes;
      onProgress?.({ tensor: planned.name, bytesDone, bytesTotal });
      signal?.throwIfAborted();
    }
  }
  return losses;
}

/** Reads and writes a tensor in pieces. Yields the bytes that each had in the checkpoint, and what it lost. */
async function* convertTensor(writer: NativeGgufWriter, source: TensorSource, index: number, planned: PlannedTensor) {
  if (!('tensor' in planned.source)) return;
  const { name, bytes } = planned.source.tensor;
  const converter = new TensorConverter(writer, index, planned);
  const pieceBytes = Math.max(1, Math.floor(PIECE_BYTES / converter.unitBytes)) * converter.unitBytes;
  for (let offset = 0; offset < bytes; offset += pieceBytes) {
    const piece = await source.read(name, offset, Math.min(pieceBytes, bytes - offset));
    yield { bytes: piece.length, ...(await converter.write(piece)) };
  }
}
