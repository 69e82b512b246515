#!/usr/bin/env node
// What quantization costs: npm run demo:quality -- <checkpoint folder> [--set folder] [--types F32,Q8_0] [--json out.json]
//
// Converts the checkpoint to each type, scores each on the set (as demo:eval does), and compares its predictions with F32's.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { scoreModel } from './evaluate/ask.mjs';
import { divergence } from './evaluate/divergence.mjs';
import { heldOutSet, readSet } from './evaluate/sets.mjs';

const TYPES = 'F32,BF16,Q8_0,Q6_K,Q5_K_M,Q4_K_M';

async function qualityOf(type, { checkpoint, questions, compared, folder }) {
  const { Config, convertCheckpoint, withModel } = await import('../dist/index.js');
  const file = (stored) => path.join(folder, `${stored}.gguf`);
  const config = (stored) => {
    const chosen = new Config();
    chosen.model.path = file(stored);
    return chosen;
  };
  await convertCheckpoint({ source: checkpoint, output: file(type), type });
  const { summary } = await scoreModel(file(type), questions, 4);
  const { exact, characterErrors } = summary.find(({ group }) => group === 'all');
  const distance = await withModel(config('F32'), (original) =>
    withModel(config(type), (model) => divergence(original.requireModel(), model.requireModel(), compared)),
  );
  return { type, bytes: statSync(file(type)).size, exact, characterErrors, ...distance };
}

const HEADER = `| type | bytes | exact | CER | perplexity | KL, nats | same token |
| --- | --- | --- | --- | --- | --- | --- |`;

function row({ type, bytes, exact, characterErrors, perplexity, divergence, sameToken }) {
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const values = [bytes, percent(exact), percent(characterErrors), perplexity.toFixed(4), divergence.toExponential(1)];
  return `| ${[type, ...values, percent(sameToken)].join(' | ')} |`;
}

const program = new Command('npm run demo:quality --')
  .argument('<checkpoint>', 'a Hugging Face folder')
  .option('--set <folder>', 'pictures and their answers; default: the held-out set')
  .option('--types <names>', 'what to convert to; F32 comes first', TYPES)
  .option('--compare <n>', 'questions whose predictions are compared', Number, 300)
  .option('--json <file>', 'write the figures there')
  .parse();
const options = program.opts();
const questions = readSet(options.set ?? heldOutSet());
const stride = Math.max(1, Math.floor(questions.length / options.compare));
const compared = questions.filter((question, i) => i % stride === 0 && question.prompt !== undefined);
const folder = mkdtempSync(path.join(tmpdir(), 'bllossom-quality-'));
try {
  const results = [];
  console.log(HEADER);
  for (const type of new Set(['F32', ...options.types.split(',')])) {
    results.push(await qualityOf(type, { checkpoint: program.args[0], questions, compared, folder }));
    console.log(row(results.at(-1)));
  }
  if (options.json)
    writeFileSync(options.json, `${JSON.stringify({ questions: questions.length, results }, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
