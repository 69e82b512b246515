// Folders of pictures whose answers are known.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

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

function fromLine(folder, line) {
  const { file, prompt, task, answer, kind, question, language, ratio } = JSON.parse(line);
  const groups = [
    kind && question && `${kind}: ${question}`,
    kind && language && `${kind} (${language})`,
    ratio && `tiles ${ratio}`,
  ];
  return { file: path.join(folder, file), prompt, task, answer, groups: groups.filter(Boolean) };
}
