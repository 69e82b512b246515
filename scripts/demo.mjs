#!/usr/bin/env node
// Shows the whole path on the shipped picture: photo -> tiles -> vision tower -> text, streamed, with timings.
// Builds first what is missing. Further arguments go to `bllossom vision`, e.g. `npm run demo -- --prompt "…"`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const cli = path.join(root, 'dist', 'cli', 'main.js');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

function run(program, args) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit', shell: program === 'npm.cmd' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(cli)) run(npm, ['run', '--silent', 'build:ts']);
run(process.execPath, [path.join(root, 'scripts', 'install.mjs')]);

// The last of a repeated option counts, so what is given on the command line replaces what stands here.
const demo = [
  ...['models/demo.png', '--model', 'models/demo.gguf', '--prompt', '이 그림에 무엇이 있나요?', '--verbose'],
  ...process.argv.slice(2),
];
console.log(`$ bllossom vision ${demo.map((word) => (/[\s?]/.test(word) ? JSON.stringify(word) : word)).join(' ')}`);
run(process.execPath, [cli, 'vision', ...demo]);
