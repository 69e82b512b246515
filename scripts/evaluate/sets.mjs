// Folders of pictures whose answers are known.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const DEMO = fileURLToPath(new URL('../../models/demo/', import.meta.url));
const HELD_OUT = path.join(DEMO, '.out', 'held-out');
const PICTURES = /\.(png|jpe?g|webp|tiff?|gif|avif)$/i;

/**
 * The questions of a folder: those of its truth.jsonl, or else, for every picture beside which there is a text file of the
 * same name, what its text is (`task: 'ocr'`).
 *
 * @returns {{ file: string, prompt?: string, task?: string, answer: string, groups: string[] }[]}
 */
export function readSet(folder) {
  const truth = path.join(folder, 'truth.jsonl');
  if (existsSync(truth))
    return readFileSync(truth, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => fromLine(folder, line));
  const questions = readdirSync(folder)
    .filter((name) => PICTURES.test(name))
    .map((name) => [name, path.join(folder, `${path.parse(name).name}.txt`)])
    .filter(([, text]) => existsSync(text))
    .map(([name, text]) => ({
      ...{ file: path.join(folder, name), task: 'ocr', answer: readFileSync(text, 'utf8'), groups: ['ocr'] },
    }));
  if (questions.length === 0)
    throw new Error(`${folder}: neither a truth.jsonl nor pictures with a .txt of the same name`);
  return questions;
}

/** The folder of the demo model's held-out set, which is drawn when it is not there. */
export function heldOutSet() {
  if (!existsSync(path.join(HELD_OUT, 'truth.jsonl'))) {
    const { status } = spawnSync('python3', [path.join(DEMO, 'make_set.py'), HELD_OUT], { stdio: 'inherit' });
    if (status !== 0)
      throw new Error('the held-out set could not be drawn: see models/demo/README.md for what it needs');
  }
  return HELD_OUT;
}

function fromLine(folder, line) {
  const { file, prompt, task, answer, kind, question, language, ratio } = JSON.parse(line);
  const groups = [
    kind && question && `${kind}: ${question}`,
    kind && language && `${kind} (${language})`,
    kind && ratio && `${kind}, tiles ${ratio}`,
    ratio && `tiles ${ratio}`,
  ];
  return { file: path.join(folder, file), prompt, task, answer, groups: groups.filter(Boolean) };
}
