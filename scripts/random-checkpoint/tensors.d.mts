import type { Preset } from './presets.mjs';

export interface RandomTensor {
  name: string;
  shape: number[];
  mean: number;
  deviation: number;
  filled: number[] | undefined;
}

export function randomTensors(preset: Preset, vocabSize: number): RandomTensor[];
