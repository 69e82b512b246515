import type { CheckpointFiles } from '../../lib/convert/tensor-source.js';

/** Returns the bytes of all files. */
export function writeFolder(checkpoint: CheckpointFiles, folder: string): Promise<number>;
