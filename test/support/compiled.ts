/** The library as plain JavaScript, for child processes that a test may lose. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Compiles lib/ below build/ (where imports of packages still resolve). Returns its URL, ending in "/", and its removal. */
export function compileLibrary(): { url: string; remove: () => void } {
  const outDir = mkdtempSync(join(ROOT, 'build', 'compiled-'));
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const run = spawnSync(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.json'), '--outDir', outDir], {
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`lib/ does not compile: ${run.stdout}${run.stderr}`);
  return { url: pathToFileURL(`${outDir}/`).href, remove: () => rmSync(outDir, { recursive: true }) };
}
