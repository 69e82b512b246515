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

/** What transformers takes where a checkpoint leaves it out. */
const VISION_DEFAULTS = { hidden_size: 1280, intermediate_layers_indices: [3, 7, 15, 23, 30] };

/** Width of the vision tower, number of its intermediate states, mean and deviation of the pixels. */
function readVision(checkpoint) {
  const json = (name) => JSON.parse(readFileSync(path.join(checkpoint, name), 'utf8'));
  const { hidden_size, intermediate_layers_indices } = { ...VISION_DEFAULTS, ...json('config.json').vision_config };
  const { image_mean, image_std } = json('preprocessor_config.json');
  return { width: hidden_size, intermediates: intermediate_layers_indices.length, mean: image_mean, std: image_std };
}

/** { name, checkpoint, intermediates, leastCosine, vision, images: Map, cases, tensor(name) } with absolute paths. */
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
    vision: readVision(path.join(folder, manifest.checkpoint)),
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
