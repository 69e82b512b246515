// What one processor answers: loads each model given, and prints as one JSON object which CPU backend was picked, the
// greedy tokens, by how much each led (in log-probability), and the logits. A program of its own, for cpu-levels.mjs runs
// it under an emulator.
//
//   node scripts/prebuild/answer.mjs <model.gguf> …
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { openModel } from '../parity/model.mjs';

const PROMPT_TOKENS = 12;
const NEW_TOKENS = 16;

/** Reproducible bytes, 0 … 255. */
function* bytes(state) {
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state >>> 24;
  }
}

function take(source, count) {
  const taken = new Uint8Array(count);
  for (let i = 0; i < count; i++) taken[i] = source.next().value;
  return taken;
}

/** A picture of one tile, without a decoder: that one has a processor of its own in mind. */
function image({ tileSize }) {
  return { tiles: take(bytes(1), tileSize * tileSize * 3), tileCount: 1, aspectRatioId: 1, key: 'noise' };
}

async function answer(file) {
  const model = await openModel(file, { rowMode: 'hf', kvType: 'f32' });
  const { vocabSize } = model.info;
  const picture = model.tokenize([{ special: model.info.imageToken }]);
  const text = Array.from(take(bytes(2), PROMPT_TOKENS), (byte) => byte % Math.min(vocabSize, 256));
  const ids = [...picture, ...text];
  const images = [image(model.info)];
  const { logits } = await model.evaluate(ids, images, 0);
  const { tokens, likeliest } = await model.greedyOfTwo(ids, images, NEW_TOKENS);
  model.close();
  const leads = [...tokens].map((_, i) => likeliest[2 * i] - likeliest[2 * i + 1]);
  return { model: path.basename(file), tokens: [...tokens], leads, logits: [...logits.subarray(-vocabSize)] };
}

const answers = [];
for (const file of process.argv.slice(2)) answers.push(await answer(file));
const backend = readFileSync('/proc/self/maps', 'utf8').match(/libggml-cpu-([\w.]+)\.so/)?.[1] ?? 'built in';
console.log(JSON.stringify({ backend, answers }));
