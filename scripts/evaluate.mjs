#!/usr/bin/env node
// Scores a model on pictures whose answers are known: npm run demo:eval -- [folder] [--model file.gguf] [--json out.json]
//
// A folder holds pictures and a truth.jsonl, or pictures with a text file of the same name each: then reading is scored.
// Without a folder, models/demo/make_set.py draws the demo model's held-out set (Python and its packages are needed for that).
// Answers are greedy and without a repetition penalty: the likeliest token, as it is.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { scoreModel } from './evaluate/ask.mjs';
import { scoreTable } from './evaluate/scores.mjs';
import { heldOutSet, readSet } from './evaluate/sets.mjs';

const MODEL = fileURLToPath(new URL('../models/demo.gguf', import.meta.url));

async function main() {
  const program = new Command('npm run demo:eval --')
    .argument('[folder]', 'pictures and their answers')
    .option('--model <file>', 'a GGUF file', MODEL)
    .option('--json <file>', 'write scores and answers there')
    .option('--concurrency <n>', 'questions at a time', Number, 4)
    .parse();
  const { model, json, concurrency } = program.opts();
  const questions = readSet(program.args[0] ?? heldOutSet());
  const { summary, answers } = await scoreModel(model, questions, concurrency);
  console.log(scoreTable(summary));
  if (json) writeFileSync(json, `${JSON.stringify({ model: path.basename(model), summary, answers }, null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(`demo:eval: ${error.message}`);
  process.exitCode = 1;
}
