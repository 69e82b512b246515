/** The demo model and pictures that it reads: test/fixtures/demo, drawn and chosen by models/demo/make_fixture.py. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Language } from '../../lib/vision-tasks.js';
import { ROOT } from './model.js';

export const DEMO = join(ROOT, 'models', 'demo.gguf');
const FOLDER = join(ROOT, 'test', 'fixtures', 'demo');

/** One line of truth.jsonl, with the path of its picture. */
export interface Asked {
  file: string;
  prompt: string;
  answer: string;
  /** What is drawn. */
  kind: string;
  /** A task or the name of a question. */
  question: string;
  language: Language;
  /** Columns x rows of tiles. */
  ratio: string;
}

export const asked: Asked[] = readFileSync(join(FOLDER, 'truth.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Asked)
  .map((line) => ({ ...line, file: join(FOLDER, line.file) }));

/** Pictures of text, one line each. */
export const readings = asked.filter(({ question }) => question === 'ocr');
