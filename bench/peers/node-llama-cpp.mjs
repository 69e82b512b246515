// node-llama-cpp with its own prebuilt llama.cpp, on the text part of the very same file.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { OUT, ROOT } from '../suite/paths.mjs';
import { run, runForJson } from '../suite/program.mjs';

const FOLDER = path.join(OUT, 'peers', 'node-llama-cpp');
const PROGRAM = path.join(ROOT, 'bench', 'peers', 'node-llama-cpp-turn.mjs');

/** The release that our own llama.cpp is taken from: both have the same kernels. */
const PACKAGE = JSON.parse(readFileSync(path.join(ROOT, 'vendor', 'pin.json'), 'utf8')).package;

async function install() {
  const version = PACKAGE.split('@').at(-1);
  const manifest = path.join(FOLDER, 'node_modules', 'node-llama-cpp', 'package.json');
  if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version) return version;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(path.join(FOLDER, 'package.json'), '{ "private": true }\n');
  const platform = { linux: 'linux', darwin: 'mac', win32: 'win' }[process.platform];
  const suffix = platform === 'mac' && process.arch === 'arm64' ? 'arm64-metal' : process.arch;
  const binary = `@node-llama-cpp/${platform}-${suffix}@${version}`;
  // No scripts: they would look for a compiler. The binary of this platform is enough, without those for GPUs.
  const flags = ['--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund'];
  await run(['npm', 'install', ...flags, PACKAGE, binary], { cwd: FOLDER });
  return version;
}

const speeds = async (work, options) => {
  const model = await work.textModel();
  const entry = path.join(FOLDER, 'node_modules', 'node-llama-cpp', 'dist', 'index.js');
  const given = JSON.stringify({ entry, model, threads: work.threads, ...options });
  return (await runForJson([process.execPath, PROGRAM, given])).values;
};

export const nodeLlamaCpp = {
  name: 'node-llama-cpp',
  prepare: install,
  turns: {
    decode: (work, { tokens, repeat }) => speeds(work, { promptTokens: 1, tokens, repeat }),
    prefill: (work, { tokens, repeat }) => speeds(work, { promptTokens: tokens, tokens: 0, repeat }),
  },
};
