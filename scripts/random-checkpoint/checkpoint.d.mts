import type { CheckpointFiles } from '../../lib/convert/tensor-source.js';
import type { Preset } from './presets.mjs';

export function randomCheckpoint(preset: Preset, seed: number): CheckpointFiles;
