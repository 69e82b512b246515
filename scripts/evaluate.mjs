#!/usr/bin/env node
// Scores a model on pictures whose answers are known: npm run demo:eval -- [folder] [--model file.gguf] [--json out.json]
//
// A folder holds pictures and a truth.jsonl, or pictures with a text file of the same name each: then reading is scored.
// Without one, models/demo/make_set.py draws the demo model's held-out set (Python and its packages are needed for that).
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { Scores, scoreTable } from './evaluate/scores.mjs';
import { readSet } from './evaluate/sets.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const HELD_OUT = path.join(ROOT, 'models', 'demo', '.out', 'held-out');

function heldOutSet() {
  if (!existsSync(path.join(HELD_OUT, 'truth.jsonl'))) {
    const script = path.join(ROOT, 'models', 'demo', 'make_set.py');
    const { status } = spawnSync('python3', [script, HELD_OUT], { stdio: 'inherit' });
    if (status !== 0)
      throw new Error('the held-out set could not be drawn: see models/demo/README.md for what it needs');
  }
  return HELD_OUT;
}

/** Asks everything, up to `concurrency` questions at a time, and calls `onAnswer` with each. */
async function askAll(vision, questions, concurrency, onAnswer) {
  const left = questions.values();
  const worker = async () => {
    for (const question of left) {
      const options = { temperature: 0 };
      const { response } = await (question.prompt === undefined
        ? vision.runTask(question.task, question.file, options)
        : vision.generateWithImage(question.file, question.prompt, { ...options, maxTokens: 400 }));
      onAnswer(question, response);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

async function main() {
  const program = new Command('npm run demo:eval --')
    .argument('[folder]', 'pictures and their answers')
    .option('--model <file>', 'a GGUF file', path.join(ROOT, 'models', 'demo.gguf'))
    .option('--json <file>', 'write scores and answers there')
    .option('--concurrency <n>', 'questions at a time', Number, 4)
    .parse();
  const { model, json, concurrency } = program.opts();
  const questions = readSet(program.args[0] ?? heldOutSet());
  const { Config, VisionGenerator, withModel } = await import('../dist/index.js');
  const config = new Config();
  config.model.path = model;
  const scores = new Scores();
  const answers = [];
  await withModel(config, (manager) =>
    askAll(new VisionGenerator(manager), questions, concurrency, ({ file, prompt, task, answer, groups }, text) => {
      scores.add(['all', ...groups], text, answer);
      answers.push({ file: path.basename(file), prompt: prompt ?? task, answer, given: text });
    }),
  );
  const summary = scores.summary().sort((a, b) => (a.group < b.group ? -1 : 1));
  console.log(scoreTable(summary));
  if (json) writeFileSync(json, `${JSON.stringify({ model: path.basename(model), summary, answers }, null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(`demo:eval: ${error.message}`);
  process.exitCode = 1;
}
