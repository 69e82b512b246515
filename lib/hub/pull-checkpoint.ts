/** A checkpoint of the hub becomes a GGUF file without ever lying on the disk. */

import { openCheckpoint } from '../convert/checkpoint.js';
import { type Conversion, native, openWriter, prepareConversion } from '../convert/conversion.js';
import { BllossomError } from '../errors.js';
import type { ModelSource } from '../models/record.js';
import type { NativeGgufWriter } from '../native/binding.js';
import { type Header, HubCheckpointFiles } from './checkpoint-files.js';
import { checkHashed, type Download, planJournal } from './download.js';
import { checkSpace } from './download-folder.js';
import { isComplete, type Journal, newJournal } from './journal.js';

import type { RemoteFile } from './remote-file.js';
import type { HubFile } from './repository.js';
import { ShardSink } from './shard-sink.js';
import { transfer } from './transfer.js';

/**
 * Leaves the whole model file in the download's folder. Everything that can be refused is, before the first tensor.
 *
 * @returns the files that it was made of
 */
export async function pullCheckpoint(download: Download): Promise<ModelSource[]> {
  const { client, repository, folder, signal, onBytes, type } = download;
  const files = new HubCheckpointFiles(client, repository, folder, signal, onBytes);
  const checkpoint = await openCheckpoint(files); // holds nothing open: ranges come one by one
  const conversion = await prepareConversion(checkpoint, { type, intermediates: 'entering' });
  const remotes = [...files.headers.keys()].map((name) => files.remote(repository.files.get(name) as HubFile));
  const sources = [...files.sources, ...remotes.map(({ file }) => checkHashed(file))];
  const shards = remotes.map(({ file: { path, size } }) => ({ path, size, header: files.headers.get(path) as Header }));

  const rows = conversion.plan.map(() => 0);
  const journal = planJournal(download, remotes, { plan: [type, shards, sources, conversion.plan.map(facts)], rows });
  if (
    isComplete(
      journal,
      shards.map(({ size }) => size),
    ) &&
    (await folder.wholeModelBytes()) !== undefined
  ) {
    return sources;
  }
  const { writer, standing } = await openResumed(download, conversion, journal);
  try {
    const sink = await ShardSink.open(writer, standing.rows, conversion, checkpoint.tensors.places, shards);
    await convertShards(download, sink, standing, remotes);
    await native(() => writer.finish());
  } finally {
    writer.close();
  }
  return sources;
}

/** What decides the content of a tensor in the file, apart from the bytes of the shards. */
function facts({ name, type, ne, source }: Conversion['plan'][number]): unknown {
  return [name, type, ne, 'tensor' in source ? source.tensor.name : 'computed'];
}

/** The writer where the journal says it stands, or at the start when its file is not what the journal thinks. */
async function openResumed(
  { folder, threads }: Download,
  conversion: Conversion,
  journal: Journal,
): Promise<{ writer: NativeGgufWriter; standing: Journal }> {
  try {
    const writer = await openWriter(folder.model, conversion, { threads, resume: journal.rows });
    return { writer, standing: journal };
  } catch (error) {
    const isBegun = journal.rows.some((count) => count > 0);
    if (!isBegun || !(error instanceof BllossomError)) throw error;
    const standing = newJournal(
      { ...journal, rows: journal.rows.map(() => 0) },
      journal.files.map(({ path }) => path),
    );
    return { writer: await openWriter(folder.model, conversion, { threads, resume: standing.rows }), standing };
  }
}

async function convertShards(
  { folder, onProgress, signal }: Download,
  sink: ShardSink,
  journal: Journal,
  remotes: readonly RemoteFile[],
): Promise<void> {
  const { size, allocated } = await folder.modelBytes();
  await checkSpace(folder.path, size - allocated);
  const total = remotes.reduce((sum, { file }) => sum + file.size, 0);
  await transfer(sink, { folder, journal, remotes, signal, onProgress: (done) => onProgress(done, total) });
}
