// Golden values as one GGUF file, which the engine's own reader opens (bench/native/golden-cases.h).
import { loadNative } from '../../../dist/native/load.js';
import { toConcatenated } from '../../../scripts/parity/compare.mjs';

const bytesOf = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);

/** Metadata and F32 tensors, collected one by one. */
class GgufContents {
  metadata = [];
  tensors = [];

  add(key, type, value) {
    this.metadata.push({ key, type, value });
  }

  addTensor(name, values) {
    this.tensors.push({ name, values });
  }

  async write(target) {
    const { GgufWriter } = loadNative();
    const plan = this.tensors.map(({ name, values }) => ({ name, type: 'F32', ne: [values.length] }));
    const writer = new GgufWriter(target, this.metadata, plan, { threads: 1 });
    try {
      for (const [i, { values }] of this.tensors.entries()) await writer.write(i, bytesOf(values), 'F32');
      await writer.finish();
    } finally {
      writer.abort();
    }
  }
}

/**
 * @param golden what readGoldenFolder returns
 * @param model its checkpoint, converted and opened, which prepares the pictures
 */
export async function packGoldens(golden, model, target) {
  const contents = new GgufContents();
  const names = [...golden.images.keys()];
  contents.add('general.architecture', 'string', 'goldens');
  contents.add('general.name', 'string', golden.name);
  contents.add('goldens.images', 'string[]', names);
  contents.add(
    'goldens.cases',
    'string[]',
    golden.cases.map(({ name }) => name),
  );
  for (const image of golden.images.values()) addImage(contents, golden, image, await model.prepare(image));
  for (const reference of golden.cases) addCase(contents, golden, reference, names);
  await contents.write(target);
}

function addImage(contents, golden, image, prepared) {
  const { width, intermediates } = golden.vision;
  if (prepared.aspectRatioId !== image.aspect_ratio_id || prepared.tileCount !== image.num_tiles) {
    throw new Error(`${golden.name}/${image.name}: the picture is cut into other tiles than the reference's`);
  }
  const at = `image.${image.name}.`;
  contents.add(`${at}tiles`, 'u32', prepared.tileCount);
  contents.add(`${at}aspect_ratio_id`, 'u32', prepared.aspectRatioId);
  contents.addTensor(`${at}pixels`, Float32Array.from(prepared.tiles));
  const features = golden.tensor(image.tensors.vision_features);
  contents.addTensor(`${at}features`, toConcatenated(features, width, intermediates));
  contents.addTensor(`${at}states`, golden.tensor(image.tensors.cross_states));
}

function addCase(contents, golden, reference, imageNames) {
  const at = `case.${reference.name}.`;
  contents.add(`${at}row_mode`, 'string', reference.row_mode);
  contents.add(`${at}tokens`, 'i32[]', reference.input_ids);
  contents.add(`${at}greedy`, 'i32[]', reference.greedy_tokens);
  if (reference.images.length > 0) {
    contents.add(
      `${at}images`,
      'i32[]',
      reference.images.map((image) => imageNames.indexOf(image)),
    );
  }
  contents.addTensor(`${at}logits`, golden.tensor(reference.tensors.logits));
  contents.addTensor(`${at}decode_logits`, golden.tensor(reference.tensors.decode_logits));
}
