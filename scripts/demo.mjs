#!/usr/bin/env node
// The pictures and the model that come with the package: asks about them and streams the answers. Builds first what is missing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const PICTURES = path.join('models', 'pictures');
const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** What is asked about which picture: in words, or a task of the package. */
const QUESTIONS = [
  { picture: 'receipt.png', task: 'ocr', language: 'ko' },
  { picture: 'receipt.png', prompt: '합계는 얼마인가요?' },
  { picture: 'shapes.png', prompt: 'How many shapes are there?' },
  { picture: 'shapes.png', prompt: 'How many green shapes are there?' },
  { picture: 'shapes.png', prompt: 'Which shape is on the left?' },
  { picture: 'table.png', task: 'markdown', language: 'en' },
  { picture: 'chart.png', task: 'chart', language: 'ko' },
];

/** A penalty would forbid what stands twice in a picture. */
const LIKELIEST = { temperature: 0, repetitionPenalty: 1 };

function run(program, args) {
  const { status, error } = spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', shell: program === 'npm.cmd' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

function build() {
  if (!existsSync(path.join(ROOT, 'dist', 'index.js'))) run(NPM, ['run', '--silent', 'build:ts']);
  run(process.execPath, [path.join(ROOT, 'scripts', 'install.mjs')]);
}

async function ask(vision, { picture, task, prompt, language }) {
  const file = path.join(ROOT, PICTURES, picture);
  console.log(`\n> ${prompt ?? `${task} (${language})`}`);
  const answer = prompt
    ? vision.generateWithImage(file, prompt, LIKELIEST)
    : vision.runTask(task, file, { ...LIKELIEST, language });
  for await (const piece of answer) process.stdout.write(piece);
  const { imageEncodeTime, decodeTokensPerSecond } = await answer;
  const encoded = imageEncodeTime > 0 ? `picture encoded in ${imageEncodeTime.toFixed(2)} s, ` : '';
  console.log(`\n  (${encoded}${Math.round(decodeTokensPerSecond)} tokens/s)`);
}

build();
const { Config, VisionGenerator, withModel } = await import('../dist/index.js');
const { drawPicture } = await import('./demo/draw-picture.mjs');

const config = new Config();
config.model.path = path.join(ROOT, 'models', 'demo.gguf');
await withModel(config, async (manager) => {
  const vision = new VisionGenerator(manager);
  let shown;
  for (const question of QUESTIONS) {
    if (question.picture !== shown) {
      shown = question.picture;
      console.log(`\n${path.join(PICTURES, shown)}`);
      process.stdout.write(await drawPicture(path.join(ROOT, PICTURES, shown)));
    }
    await ask(vision, question);
  }
});
console.log(`
That was the demo model: ${PICTURES} is what it can read. A real one, for any picture:
  npx bllossom pull aica-5b
  npx bllossom vision photo.jpg "이 사진을 설명해 주세요."`);
