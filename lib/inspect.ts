import { checkPath } from './check.js';
import { ModelFormatError, toBllossomError } from './errors.js';
import { estimateMemory, type MemoryEstimate } from './memory-estimate.js';
import type { MetadataValue, NativeGgufInfo, NativeTensorInfo } from './native/binding.js';
import { loadNative } from './native/load.js';

/** What a GGUF file holds, without loading it. */
export interface GgufReport {
  path: string;
  architecture: string;
  name: string | undefined;
  version: number;
  fileBytes: number;
  parameters: number;
  /** By ggml type, largest first. */
  types: { type: string; tensors: number; bytes: number }[];
  metadata: Record<string, MetadataValue>;
  /** Whole lengths of the arrays that `metadata` holds only the start of. */
  arrayLengths: Record<string, number>;
  tensors: NativeTensorInfo[];
  /** Only for whole models of the architecture that this package runs. */
  memory: MemoryEstimate | undefined;
}

/**
 * Reads the header of any GGUF file. Rejects with InvalidArgumentError, ModelNotFoundError, ModelFormatError,
 * ModelUnsupportedError, IoError.
 */
export async function inspectGguf(path: string): Promise<GgufReport> {
  checkPath('path', path);
  const { readGguf } = loadNative();
  const info = await readGguf(path).catch((error: unknown) => {
    throw toBllossomError(error);
  });
  const { metadata } = info;
  const architecture = metadata['general.architecture'];
  if (typeof architecture !== 'string') {
    throw new ModelFormatError(`${path} has no general.architecture; it is not a model`);
  }
  const name = metadata['general.name'];
  return {
    path,
    architecture,
    name: typeof name === 'string' ? name : undefined,
    version: info.version,
    fileBytes: info.fileBytes,
    parameters: info.tensors
      .filter((tensor) => tensor.name !== 'rope_freqs.weight')
      .reduce((n, t) => n + elements(t), 0),
    types: countTypes(info.tensors),
    metadata,
    arrayLengths: info.arrayLengths,
    tensors: info.tensors,
    memory: architecture === 'mllama' && isWhole(info.tensors) ? memoryOf(path, info) : undefined,
  };
}

const elements = ({ ne }: NativeTensorInfo): number => ne.reduce((product, n) => product * n, 1);

/** Not one half of a model in two files: those hold the tensors of one tower alone. */
function isWhole(tensors: NativeTensorInfo[]): boolean {
  const has = (name: string) => tensors.some((tensor) => tensor.name === name);
  return has('token_embd.weight') === has('v.class_embd');
}

function countTypes(tensors: NativeTensorInfo[]): GgufReport['types'] {
  const types = new Map<string, { type: string; tensors: number; bytes: number }>();
  for (const { type, bytes } of tensors) {
    const count = types.get(type) ?? { type, tensors: 0, bytes: 0 };
    types.set(type, { type, tensors: count.tensors + 1, bytes: count.bytes + bytes });
  }
  return [...types.values()].sort((a, b) => b.bytes - a.bytes);
}

function memoryOf(path: string, { metadata, arrayLengths, tensors }: NativeGgufInfo): MemoryEstimate {
  const number = (key: string): number => {
    const value = metadata[`mllama.${key}`];
    if (typeof value !== 'number' || value <= 0) {
      throw new ModelFormatError(`${path}: mllama.${key} is ${value}; it must be a number above 0`);
    }
    return value;
  };
  const count = (key: string): number => {
    const value = metadata[`mllama.${key}`];
    if (!Array.isArray(value)) throw new ModelFormatError(`${path}: mllama.${key} is missing`);
    return arrayLengths[`mllama.${key}`] ?? value.length;
  };
  const weights = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  return estimateMemory(weights, {
    text: {
      crossLayerCount: count('attention.cross_attention_layers'),
      blockCount: number('block_count'),
      embeddingLength: number('embedding_length'),
      feedForwardLength: number('feed_forward_length'),
      headCount: number('attention.head_count'),
      headCountKv: number('attention.head_count_kv'),
      contextLength: number('context_length'),
    },
    vision: {
      embeddingLength: number('vision.embedding_length'),
      feedForwardLength: number('vision.feed_forward_length'),
      imageSize: number('vision.image_size'),
      patchSize: number('vision.patch_size'),
      channels: number('vision.num_channels'),
      maxTiles: number('vision.max_num_tiles'),
      intermediateCount: count('vision.intermediate_layers_indices'),
    },
  });
}
