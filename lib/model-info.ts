/** What `getModelInfo` tells. */

import type { LoadedModel } from './model-manager.js';
import type { NativeMemory, NativeModelInfo } from './native/binding.js';
import { loadNative } from './native/load.js';

export interface ModelInfo {
  status: 'loaded' | 'not_loaded';
  modelName: string;
  device: string | null;
  quantization: string | null;
  /** GB (2^30 bytes) on GPUs. */
  vramAllocated: number;
  /** GB of all GPUs. */
  vramTotal: number;
  /** GB in main memory. */
  ramAllocated: number;
  /** Facts of the architecture; null while nothing is loaded. */
  architecture: ModelArchitecture | null;
}

export type ModelArchitecture = Pick<
  NativeModelInfo,
  | ('parameters' | 'layers' | 'crossLayers' | 'embeddingSize' | 'vocabSize' | 'contextSize' | 'contextTrain')
  | ('threads' | 'tileSize' | 'maxTiles' | 'aspectRatios')
>;

/** Bytes. */
export const GB = 1024 ** 3;

/** @param name of the configuration, for files that do not say theirs */
export function describeModel(model: LoadedModel | null, name: string): ModelInfo {
  const none = { vramAllocated: 0, vramTotal: 0, ramAllocated: 0, architecture: null };
  if (!model) return { status: 'not_loaded', modelName: name, device: null, quantization: null, ...none };
  const { info } = model;
  const memory = model.engine.memory();
  const { parameters, layers, crossLayers, embeddingSize, vocabSize, contextSize, contextTrain } = info;
  const { threads, tileSize, maxTiles, aspectRatios } = info;
  const text = { parameters, layers, crossLayers, embeddingSize, vocabSize, contextSize, contextTrain };
  return {
    status: 'loaded',
    modelName: info.name || name,
    device: info.device,
    quantization: info.quantization,
    vramAllocated: memory.device / GB,
    vramTotal: totalVram() / GB,
    ramAllocated: (allocated(memory) - memory.device) / GB,
    architecture: { ...text, threads, tileSize, maxTiles, aspectRatios },
  };
}

function allocated({ weights, selfCache, crossCache, compute }: NativeMemory): number {
  return weights + selfCache + crossCache + compute;
}

function totalVram(): number {
  const { devices } = loadNative().systemInfo();
  return devices.filter(({ type }) => type === 'gpu').reduce((sum, { memoryTotal }) => sum + memoryTotal, 0);
}
