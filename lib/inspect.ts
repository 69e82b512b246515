import { checkPath } from './check.js';
import { ModelFormatError, toBllossomError } from './errors.js';
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
  memory: MemoryPlan | undefined;
}

/** Bytes that running the model takes, apart from scratch. */
export interface MemoryPlan {
  weights: number;
  /** Self-attention keys and values in F16, per 1,000 tokens and for a context of 8,192. */
  selfCachePer1000Tokens: number;
  selfCacheAt8192: number;
  /** Cross-attention keys and values in F16 of one image with all its tiles. */
  crossCachePerImage: number;
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
    memory: architecture === 'mllama' && isWhole(info.tensors) ? planMemory(path, info) : undefined,
  };
}

const elements = ({ ne }: NativeTensorInfo): number => ne.reduce((product, n) => product * n, 1);

/** Not one half of a model in two files. */
function isWhole(tensors: NativeTensorInfo[]): boolean {
  return ['token_embd.weight', 'v.class_embd'].every((name) => tensors.some((tensor) => tensor.name === name));
}

function countTypes(tensors: NativeTensorInfo[]): GgufReport['types'] {
  const types = new Map<string, { type: string; tensors: number; bytes: number }>();
  for (const { type, bytes } of tensors) {
    const count = types.get(type) ?? { type, tensors: 0, bytes: 0 };
    types.set(type, { type, tensors: count.tensors + 1, bytes: count.bytes + bytes });
  }
  return [...types.values()].sort((a, b) => b.bytes - a.bytes);
}

/** Per token and layer, keys and values are two rows of headCountKv * headSize elements of two bytes. */
function planMemory(path: string, { metadata, arrayLengths, tensors }: NativeGgufInfo): MemoryPlan | undefined {
  const number = (key: string): number => {
    const value = metadata[`mllama.${key}`];
    if (typeof value !== 'number' || value <= 0) {
      throw new ModelFormatError(`${path}: mllama.${key} is ${value}; it must be a number above 0`);
    }
    return value;
  };
  const key = 'mllama.attention.cross_attention_layers';
  const cross = metadata[key];
  if (!Array.isArray(cross)) {
    throw new ModelFormatError(`${path}: ${key} is missing`);
  }
  const crossLayers = arrayLengths[key] ?? cross.length;
  const headSize = number('embedding_length') / number('attention.head_count');
  const layerRow = 2 * number('attention.head_count_kv') * headSize * 2;
  const selfToken = (number('block_count') - crossLayers) * layerRow;
  const positions = Math.floor(number('vision.image_size') / number('vision.patch_size')) ** 2 + 1;
  return {
    weights: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    selfCachePer1000Tokens: 1000 * selfToken,
    selfCacheAt8192: 8192 * selfToken,
    crossCachePerImage: crossLayers * layerRow * number('vision.max_num_tiles') * positions,
  };
}
