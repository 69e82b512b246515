/** Converts the tensors of shards as their bytes come in. */

import { createHash } from 'node:crypto';
import { type Conversion, native, TensorConverter, writeComputed } from '../convert/conversion.js';
import type { TensorPlace } from '../convert/safetensors.js';
import type { NativeGgufWriter } from '../native/binding.js';
import type { Header } from './checkpoint-files.js';
import { type Sink, WrongContentError } from './transfer.js';

/** A part of a shard: a tensor, its header, or what is not needed. */
interface Segment {
  begin: number;
  end: number;
  /** Works in bytes from the segment's start on, or from where the last call ended. @returns how many it took */
  take(bytes: Uint8Array): Promise<number>;
}

export interface Shard {
  path: string;
  size: number;
  header: Header;
}

export class ShardSink implements Sink {
  readonly #segments: Segment[][];

  private constructor(
    private readonly writer: NativeGgufWriter,
    /** Of each tensor that are in the file. */
    private readonly rows: number[],
    conversion: Conversion,
    places: ReadonlyMap<string, TensorPlace>,
    shards: readonly Shard[],
  ) {
    this.#segments = shards.map((shard) => this.#segmentsOf(shard, conversion, places));
  }

  /** Computed tensors are written at once. */
  static async open(
    writer: NativeGgufWriter,
    rows: readonly number[],
    conversion: Conversion,
    places: ReadonlyMap<string, TensorPlace>,
    shards: readonly Shard[],
  ): Promise<ShardSink> {
    const sink = new ShardSink(writer, [...rows], conversion, places, shards);
    for (const [index, planned] of conversion.plan.entries()) {
      if (!('values' in planned.source) || sink.rows[index] !== 0) continue;
      await writeComputed(writer, index, planned);
      sink.rows[index] = 1;
    }
    return sink;
  }

  async take(file: number, position: number, bytes: Uint8Array): Promise<number> {
    const segment = this.#segments[file]?.find(({ begin, end }) => position >= begin && position < end);
    return segment === undefined ? bytes.length : segment.take(bytes.subarray(0, segment.end - position));
  }

  async sync(): Promise<number[]> {
    await native(() => this.writer.sync());
    return [...this.rows];
  }

  /** From the start of the shard to its end. */
  #segmentsOf(shard: Shard, { plan }: Conversion, places: ReadonlyMap<string, TensorPlace>): Segment[] {
    const tensors = plan.flatMap((planned, index) => {
      const tensor = 'tensor' in planned.source ? planned.source.tensor : undefined;
      const place = tensor === undefined ? undefined : places.get(tensor.name);
      if (tensor === undefined || place?.file !== shard.path || tensor.bytes === 0) return [];
      const converter = new TensorConverter(this.writer, index, planned);
      const take = (bytes: Uint8Array) => this.#convert(converter, bytes);
      return [{ begin: place.offset, end: place.offset + tensor.bytes, take }];
    });
    const header = { begin: 0, end: shard.header.bytes, take: (bytes: Uint8Array) => checkHeader(shard, bytes) };
    const needed = [header, ...tensors].sort((a, b) => a.begin - b.begin);
    return [...needed, ...gapsBetween(needed, shard.size)].sort((a, b) => a.begin - b.begin);
  }

  async #convert(converter: TensorConverter, bytes: Uint8Array): Promise<number> {
    const taken = bytes.length - (bytes.length % converter.unitBytes);
    if (taken === 0) return 0;
    await converter.write(bytes.subarray(0, taken));
    this.rows[converter.index] = (this.rows[converter.index] as number) + taken / converter.rowBytes;
    return taken;
  }
}

function gapsBetween(segments: readonly Segment[], size: number): Segment[] {
  const ends = [0, ...segments.map(({ end }) => end)];
  const begins = [...segments.map(({ begin }) => begin), size];
  return ends.flatMap((begin, i) => {
    const end = begins[i] as number;
    return end > begin ? [{ begin, end, take: async (bytes: Uint8Array) => bytes.length }] : [];
  });
}

/** The plan was made by a header that came alone; the hash of the whole file holds for this one. */
async function checkHeader({ path, header }: Shard, bytes: Uint8Array): Promise<number> {
  if (bytes.length < header.bytes) return 0;
  if (createHash('sha256').update(bytes.subarray(0, header.bytes)).digest('hex') === header.sha256) return header.bytes;
  throw new WrongContentError(
    `The header of ${path} came twice and differently: it was damaged or changed on the way. The download was discarded; ` +
      'start it again.',
  );
}
