// Writes a checkpoint that is made on the fly to the disk.
import { mkdir, open, writeFile } from 'node:fs/promises';
import path from 'node:path';

const PIECE = 64 * 1024 * 1024;

/** @returns {Promise<number>} bytes of all files */
export async function writeFolder(checkpoint, folder) {
  await mkdir(folder, { recursive: true });
  let total = 0;
  for (const name of await checkpoint.list()) {
    const target = path.join(folder, name);
    total += name.endsWith('.safetensors')
      ? await writeShard(await checkpoint.open(name), target)
      : await writeText(await checkpoint.readText(name), target);
  }
  return total;
}

async function writeText(text, target) {
  await writeFile(target, text);
  return Buffer.byteLength(text);
}

async function writeShard(shard, target) {
  const file = await open(target, 'w');
  try {
    for (let at = 0; at < shard.size; at += PIECE)
      await file.write(await shard.read(at, Math.min(PIECE, shard.size - at)));
  } finally {
    await file.close();
  }
  return shard.size;
}
