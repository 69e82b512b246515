// The header of a converted model, and the config of its shapes, without a weight.
import { mkdtempSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { callersFiles } from '../../../dist/convert/callers-files.js';
import { openCheckpoint } from '../../../dist/convert/checkpoint.js';
import { openWriter, prepareConversion } from '../../../dist/convert/conversion.js';
import { randomCheckpoint } from '../../../scripts/random-checkpoint/checkpoint.mjs';

const SEED = 1; // of weights that nobody reads

/** More than any header: the engine reads none that is larger. */
const HEADER_CEILING = 64 * 1024 * 1024;

/** Writes config.json of the checkpoint that a preset stands for. */
export async function writeConfig(preset, target) {
  writeFileSync(target, await randomCheckpoint(preset, SEED).readText('config.json'));
}

/** Converts a preset's checkpoint as far as the header, and writes that, compressed, without the zeros at its end. */
export async function writeHeader(preset, type, target) {
  const checkpoint = await openCheckpoint(callersFiles(randomCheckpoint(preset, SEED)));
  const scratch = mkdtempSync(path.join(tmpdir(), 'bllossom-header-'));
  try {
    const conversion = await prepareConversion(checkpoint, { type, intermediates: 'entering' });
    // The writer begins with header and room for the tensors: zeros, which take no space on the disk.
    const output = path.join(scratch, 'model.gguf');
    const writer = await openWriter(output, conversion, { threads: 1 });
    try {
      writeFileSync(target, gzipSync(await readStart(`${output}.tmp`), { level: 9 }));
    } finally {
      writer.abort();
    }
  } finally {
    await checkpoint.close();
    rmSync(scratch, { recursive: true });
  }
}

/** What a file holds before its zeros. */
async function readStart(name) {
  const file = await open(name);
  try {
    const bytes = Buffer.alloc(HEADER_CEILING);
    const length = readSync(file.fd, bytes, 0, bytes.length, 0);
    const last = bytes.subarray(0, length).findLastIndex((byte) => byte !== 0);
    return bytes.subarray(0, last + 1);
  } finally {
    await file.close();
  }
}
