import type { CheckpointFiles } from '../../lib/convert/tensor-source.js';

/** Resolves with the bytes of all files. */
export function writeFolder(checkpoint: CheckpointFiles, folder: string): Promise<number>;
