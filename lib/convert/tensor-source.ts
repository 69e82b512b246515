/** Where the bytes of a checkpoint come from: a folder on the disk, or anything else that can read by range. */

export interface SourceTensor {
  /** As in the checkpoint. */
  name: string;
  /** As safetensors spells it: "F32", "BF16", … */
  dtype: string;
  /** Outermost dimension first; empty for a scalar. */
  shape: readonly number[];
  bytes: number;
}

/** The tensors of a checkpoint by name. */
export interface TensorSource {
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  /** `length` bytes of a tensor from byte `offset` on. */
  read(name: string, offset: number, length: number): Promise<Uint8Array>;
}

/** A file that is read by range. */
export interface RandomAccessFile {
  /** Bytes. */
  readonly size: number;
  /** Exactly `length` bytes. Rejects with IoError. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** The files of one checkpoint. */
export interface CheckpointFiles {
  /** For messages: a path or an address. */
  readonly location: string;
  /** Names of all files at the top level. */
  list(): Promise<string[]>;
  /** UTF-8 text of a file that `list` names. */
  readText(name: string): Promise<string>;
  open(name: string): Promise<RandomAccessFile>;
}
