// The checks of one golden folder. Every check is one row of the report:
//   { name, quantity, maxAbs, maxRel, tolerance, ok }   without the last two where something is only measured
import { difference, smallestCosine, toConcatenated } from './compare.mjs';
import { convert, openModel } from './model.mjs';

/** Largest difference in F32, of the reference's largest magnitude. */
const TOLERANCE = 2e-4;
/** One step of an 8-bit pixel after rescaling. */
const PIXEL_TOLERANCE = 1 / 255;
/** Stored types whose drift from F32 is measured. */
const DRIFT = ['BF16', 'Q8_0'];

const CHUNKS = [1, 7, 0];

function row(name, quantity, actual, expected, tolerance = TOLERANCE) {
  const { maxAbs, maxRel } = difference(actual, expected);
  return { name, quantity, maxAbs, maxRel, tolerance, ok: maxRel <= tolerance };
}

function equalTokens(name, actual, expected) {
  const equal = expected.filter((token, i) => token === actual[i]).length;
  const wrong = expected.length - equal;
  return {
    name,
    quantity: `${expected.length} greedy tokens`,
    maxAbs: wrong,
    maxRel: wrong / expected.length,
    tolerance: 0,
    ok: wrong === 0,
  };
}

/** Normalised pixels of prepared tiles, [tiles][3][T][T]. */
function normalise({ tiles, tileCount }, { tileSize }, { mean, std }) {
  const plane = tileSize * tileSize;
  const pixels = new Float32Array(tileCount * 3 * plane);
  for (let tile = 0; tile < tileCount; tile++) {
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < 3; c++) {
        pixels[(tile * 3 + c) * plane + i] = (tiles[(tile * plane + i) * 3 + c] / 255 - mean[c]) / std[c];
      }
    }
  }
  return pixels;
}

/** Preprocessing, vision features and cross states of every image. */
async function* checkImages(golden, model) {
  const { width, intermediates: count } = golden.vision;
  for (const reference of golden.images.values()) {
    const name = `${golden.name}/${reference.name}`;
    const prepared = await model.prepare(reference);
    const idOk = prepared.aspectRatioId === reference.aspect_ratio_id && prepared.tileCount === reference.num_tiles;
    yield { name, quantity: 'aspect ratio id', maxAbs: idOk ? 0 : 1, maxRel: idOk ? 0 : 1, tolerance: 0, ok: idOk };

    const pixels = normalise(prepared, model.info, golden.vision);
    yield row(name, 'pixel values', pixels, golden.tensor(reference.tensors.pixel_values), PIXEL_TOLERANCE);

    const shown = golden.cases.find(({ images }) => images.includes(reference.name));
    if (!shown) throw new Error(`${name}: no case shows this image`);
    const images = await Promise.all(shown.images.map((n) => model.prepare(golden.images.get(n))));
    const result = await model.evaluate(shown.input_ids, images, 0);
    const index = shown.images.indexOf(reference.name);
    const features = toConcatenated(golden.tensor(reference.tensors.vision_features), width, count);
    yield row(name, 'vision features', result.visionFeatures[index], features);
    yield row(name, 'cross states', result.crossStates[index], golden.tensor(reference.tensors.cross_states));
  }
}

/** Logits of the prompt in every chunk size, of every decode step, and the greedy tokens. */
async function* checkCase(golden, model, reference) {
  const name = `${golden.name}/${reference.name} (${reference.row_mode})`;
  const images = await Promise.all(reference.images.map((image) => model.prepare(golden.images.get(image))));
  const ids = reference.input_ids;
  const logits = golden.tensor(reference.tensors.logits);
  for (const chunk of CHUNKS) {
    const result = await model.evaluate(ids, images, chunk);
    yield row(name, `logits, chunks of ${chunk || 'all'}`, result.logits, logits);
  }

  // Every decode step: the reference's own tokens one by one, so that one wrong token does not hide later ones.
  const steps = reference.greedy_tokens.length;
  const forced = await model.evaluate([...ids, ...reference.greedy_tokens.slice(0, -1)], images, 1);
  const decoded = forced.logits.subarray((ids.length - 1) * model.info.vocabSize);
  yield row(name, `logits of ${steps} decode steps`, decoded, golden.tensor(reference.tensors.decode_logits));

  yield equalTokens(name, await model.greedy(ids, images, steps), reference.greedy_tokens);
}

/**
 * How far the logits of a stored type are from the F32 reference, as 1 - cosine: of a case's logits as one vector, which
 * is judged where the folder says how much it may be, and of the single worst token.
 */
async function* checkDrift(golden, type, intermediates, scratch) {
  const file = await convert(golden, type, intermediates, scratch);
  const { cosine, tokenCosine } = await measureCosine(golden, file, { kvType: 'f16' });
  const name = `${golden.name} in ${type}, F16 caches`;
  const least = golden.leastCosine[type];
  const drift = 1 - cosine;
  const measured = { name, quantity: '1 - cosine of the logits', maxAbs: drift, maxRel: drift };
  yield least === undefined ? measured : { ...measured, tolerance: 1 - least, ok: drift <= 1 - least };
  yield { name, quantity: '1 - cosine, worst token', maxAbs: 1 - tokenCosine, maxRel: 1 - tokenCosine };
}

/** The smallest cosine between a file's logits and the reference's: of a case as one vector, and of a token. */
export async function measureCosine(golden, file, { kvType = 'f32', files } = {}) {
  const model = await openModel(file, { rowMode: 'hf', kvType, files });
  try {
    let cosine = 1;
    let tokenCosine = 1;
    for (const reference of golden.cases.filter(({ row_mode }) => row_mode === 'hf')) {
      const images = await Promise.all(reference.images.map((image) => model.prepare(golden.images.get(image))));
      const { logits } = await model.evaluate(reference.input_ids, images, 0);
      const expected = golden.tensor(reference.tensors.logits);
      cosine = Math.min(cosine, smallestCosine(logits, expected, logits.length));
      tokenCosine = Math.min(tokenCosine, smallestCosine(logits, expected, model.info.vocabSize));
    }
    return { cosine, tokenCosine };
  } finally {
    model.close();
  }
}

/**
 * Whether the folder's vision features are of states entering or leaving the intermediate layers. A folder that does
 * not say is asked: the reading that fits the reference is taken.
 */
async function readIntermediates(golden, scratch) {
  if (golden.intermediates) return golden.intermediates;
  for (const reading of ['entering', 'leaving']) {
    const model = await openModel(await convert(golden, 'F32', reading, scratch), { rowMode: 'hf', kvType: 'f32' });
    try {
      let fits = true;
      for await (const check of checkImages(golden, model)) fits &&= check.ok;
      if (fits) return reading;
    } finally {
      model.close();
    }
  }
  return 'entering';
}

/** A file with F32 weights against a golden folder. `files`: more load options, as for a model in two files. */
export async function* checkFile(golden, file, files) {
  for (const rowMode of ['hf', 'meta']) {
    const cases = golden.cases.filter((reference) => reference.row_mode === rowMode);
    const model = await openModel(file, { rowMode, kvType: 'f32', files });
    try {
      if (rowMode === 'hf') yield* checkImages(golden, model);
      for (const reference of cases) yield* checkCase(golden, model, reference);
    } finally {
      model.close();
    }
  }
}

/** All rows of a golden folder, as they are found. */
export async function* checkFolder(golden, scratch) {
  const intermediates = await readIntermediates(golden, scratch);
  yield* checkFile(golden, await convert(golden, 'F32', intermediates, scratch));
  for (const type of DRIFT) yield* checkDrift(golden, type, intermediates, scratch);
}
