// Reads golden folders; their format is test/reference/README.md.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const FORMAT = 1;

/** The golden folders at or directly below `root`. */
export function findGoldenFolders(root) {
  if (existsSync(path.join(root, 'goldens.json'))) return [root];
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .sort()
    .map((name) => path.join(root, name))
    .filter((folder) => existsSync(path.join(folder, 'goldens.json')));
}

/** { name, checkpoint, intermediates, leastCosine, images: Map, cases, tensor(name) } with absolute paths. */
export function readGoldenFolder(folder) {
  const manifest = JSON.parse(readFileSync(path.join(folder, 'goldens.json'), 'utf8'));
  if (manifest.format !== FORMAT) {
    throw new Error(`${folder}/goldens.json has format ${manifest.format}; this reads format ${FORMAT}`);
  }
  const tensor = openTensors(path.join(folder, manifest.tensors));
  return {
    name: path.basename(folder),
    checkpoint: path.join(folder, manifest.checkpoint),
    intermediates: manifest.intermediates,
    leastCosine: manifest.least_cosine ?? {},
    images: new Map(manifest.images.map((image) => [image.name, { ...image, file: path.join(folder, image.file) }])),
    cases: manifest.cases,
    tensor,
  };
}

/** A function name -> Float32Array over an F32 safetensors file. */
function openTensors(file) {
  const bytes = readFileSync(file);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + headerLength).toString('utf8'));
  return (name) => {
    const entry = header[name];
    if (entry?.dtype !== 'F32') throw new Error(`${file} has no F32 tensor "${name}"`);
    const [begin, end] = entry.data_offsets.map((offset) => 8 + headerLength + offset);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset + begin, bytes.byteOffset + end));
  };
}
