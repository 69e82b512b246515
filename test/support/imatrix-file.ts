import type { NativeMetadataEntry, NativeTensorPlan } from '../../lib/native/binding.js';
import { loadNative } from '../../lib/native/load.js';

export interface ImatrixEntry {
  sums: number[] | Float32Array;
  count: number;
}

const METADATA: NativeMetadataEntry[] = [
  { key: 'general.type', type: 'string', value: 'imatrix' },
  { key: 'imatrix.datasets', type: 'string[]', value: ['random'] },
  { key: 'imatrix.chunk_count', type: 'u32', value: 1 },
  { key: 'imatrix.chunk_size', type: 'u32', value: 512 },
];

/** Writes an importance matrix as llama.cpp does; `other` replaces or adds tensors by their stored names. */
export async function writeImatrix(
  path: string,
  entries: ReadonlyMap<string, ImatrixEntry>,
  metadata: NativeMetadataEntry[] = METADATA,
): Promise<void> {
  const tensors = [...entries].flatMap(([name, { sums, count }]) => [
    { name: `${name}.in_sum2`, values: Float32Array.from(sums), ne: [sums.length, 1] },
    { name: `${name}.counts`, values: Float32Array.of(count), ne: [1, 1] },
  ]);
  const plan: NativeTensorPlan[] = tensors.map(({ name, ne }) => ({ name, type: 'F32', ne }));
  const writer = new (loadNative().GgufWriter)(path, metadata, plan, { threads: 1 });
  for (const [i, { values }] of tensors.entries()) {
    await writer.write(i, new Uint8Array(values.buffer), 'F32');
  }
  await writer.finish();
}
