// Hugging Face transformers on the CPU: the same shapes with random weights, in the faster of F32 and BF16.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { OUT, ROOT } from '../suite/paths.mjs';
import { run, runForJson } from '../suite/program.mjs';
import { mllamaConfig } from './mllama-config.mjs';

const FOLDER = path.join(OUT, 'peers', 'transformers');
const PYTHON = path.join(FOLDER, 'bin', 'python');
const PROGRAM = path.join(ROOT, 'bench', 'peers', 'transformers_turn.py');
const VERSIONS = 'import torch, transformers; print(transformers.__version__, "torch", torch.__version__)';

/** The versions that the golden values were made with. */
async function install() {
  const version = () => run([PYTHON, '-c', VERSIONS]).then((text) => text.trim());
  if (existsSync(PYTHON)) {
    const installed = await version().catch(() => undefined); // cut off while it was installed: once more
    if (installed !== undefined) return installed;
  }
  await run(['python3', '-m', 'venv', FOLDER]);
  await run([
    PYTHON,
    '-m',
    'pip',
    'install',
    '--quiet',
    '-r',
    path.join(ROOT, 'test', 'reference', 'requirements.txt'),
  ]);
  return version();
}

/** By size of the picture: which type was the faster one in the first turn. */
const faster = new Map();

/** Milliseconds of the tower and the projector. */
async function encode(work, { tiles, repeat }) {
  const config = path.join(OUT, 'models', `${work.modelName}.config.json`);
  mkdirSync(path.dirname(config), { recursive: true });
  writeFileSync(config, JSON.stringify(mllamaConfig(work.report.metadata)));
  const options = ['--device', 'cpu', '--threads', work.threads, '--tiles', tiles, '--repeat', repeat];
  const dtype = faster.get(tiles) ?? 'faster';
  const turn = await runForJson([PYTHON, PROGRAM, 'image', config, ...options, '--dtype', dtype]);
  faster.set(tiles, turn.dtype);
  return turn.values;
}

export const transformers = {
  name: 'transformers',
  prepare: install,
  turns: { image: encode },
};
