// mistral.rs, by its wheel, on the text part of the very same file.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { OUT, ROOT } from '../suite/paths.mjs';
import { run, runForJson } from '../suite/program.mjs';

const FOLDER = path.join(OUT, 'peers', 'mistral-rs');
const PYTHON = path.join(FOLDER, 'bin', 'python');
const PROGRAM = path.join(ROOT, 'bench', 'peers', 'mistral_rs_turn.py');
const RELEASE = '0.9.5';

async function install() {
  const version = () =>
    run([PYTHON, '-c', 'import mistralrs; from importlib.metadata import version; print(version("mistralrs"))']);
  const installed = existsSync(PYTHON) ? await version().catch(() => '') : '';
  if (installed.trim() === RELEASE) return RELEASE;
  await run(['python3', '-m', 'venv', FOLDER]);
  await run([PYTHON, '-m', 'pip', 'install', '--quiet', `mistralrs==${RELEASE}`]);
  return (await version()).trim();
}

async function speeds(work, options) {
  const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const env = { ...process.env, RAYON_NUM_THREADS: String(work.threads), HF_HUB_OFFLINE: '1' };
  return (await runForJson([PYTHON, PROGRAM, await work.textModel(), ...given], { env, timeout: 900 })).values;
}

export const mistralRs = {
  name: 'mistral.rs',
  prepare: install,
  turns: {
    decode: (work, { tokens, repeat }) => speeds(work, { prompt: 1, tokens, repeat }),
    prefill: (work, { tokens, repeat }) => speeds(work, { prompt: tokens, tokens: 0, repeat }),
  },
};
