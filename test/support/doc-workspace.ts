/** A folder inside the package in which the programs of the documentation find what they name. */

import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { ENDLESS, ROOT } from './model.js';
import { koreanFont, textPdf } from './pdf-writer.js';

/** Inside the package, so that `import 'node-bllossom'` means it. */
export async function docWorkspace(name: string): Promise<string> {
  const folder = join(ROOT, 'build', 'docs', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.yaml'), `model:\n  path: ${ENDLESS}\nhardware:\n  threads: 1\n`);
  symlinkSync(ENDLESS, join(folder, 'aica-5b.gguf'));
  mkdirSync(join(folder, 'model_cache'));
  copyFileSync(ENDLESS, join(folder, 'model_cache', 'Bllossom--llama-3.2-Korean-Bllossom-AICA-5B.Q4_K_M.gguf'));
  writeFileSync(join(folder, 'prompts.txt'), '한국의 수도는 어디인가요?\nWhat is the capital of France?\n');
  const pictures = {
    'photo.jpg': '#3b7a57',
    'receipt.png': '#ffffff',
    'receipt.jpg': '#fdfdfd',
    'table.png': '#f4f4f4',
    'chart.png': '#fff8e0',
  };
  for (const [file, background] of Object.entries(pictures)) {
    await sharp({ create: { width: 120, height: 90, channels: 3, background } }).toFile(join(folder, file));
  }
  const pages = ['첫째 쪽', '둘째 쪽', '셋째 쪽'];
  writeFileSync(join(folder, 'report.pdf'), textPdf({ embedded: koreanFont() }, ...pages));
  return folder;
}
