// Hugging Face transformers on the CPU: the same shapes with random weights, in the faster of F32 and BF16.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { median } from '../suite/measure.mjs';
import { run, runForJson } from '../suite/program.mjs';
import { OUT, ROOT } from '../suite/workspace.mjs';
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

/** By model: which type was the faster one. The first turn tries both. */
const faster = new Map();

async function turn(work, task, options) {
  const config = path.join(OUT, 'models', `${work.modelName}.config.json`);
  mkdirSync(path.dirname(config), { recursive: true });
  writeFileSync(config, JSON.stringify(mllamaConfig(work.report.metadata)));
  const given = Object.entries({ threads: work.threads, ...options }).flatMap(([name, value]) => [`--${name}`, value]);
  const values = async (dtype) =>
    (await runForJson([PYTHON, PROGRAM, task, config, '--device', 'cpu', '--dtype', dtype, ...given])).values;

  const known = faster.get(config);
  if (known) return values(known);
  const both = { float32: await values('float32'), bfloat16: await values('bfloat16') };
  const [first] = Object.entries(both).toSorted(([, a], [, b]) => median(a) - median(b)); // milliseconds
  faster.set(config, first[0]);
  return first[1];
}

export const transformers = {
  name: 'transformers',
  prepare: install,
  turns: {
    image: (work, { tiles, repeat }) => turn(work, 'image', { tiles, repeat }),
  },
};
