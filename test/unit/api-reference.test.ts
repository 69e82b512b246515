import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from '../support/model.js';

const COMMITTED = join(ROOT, 'docs', 'api');
const made = mkdtempSync(join(tmpdir(), 'bllossom-api-'));

/** Text by path, of all files in a folder. */
function pages(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'));
  return Object.fromEntries(files.sort().map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}

beforeAll(() => {
  const typedoc = join(ROOT, 'node_modules', 'typedoc', 'bin', 'typedoc');
  execFileSync(process.execPath, [typedoc, '--out', made], { cwd: ROOT, stdio: 'pipe' }); // a warning is a failure
});
afterAll(() => rmSync(made, { recursive: true, force: true }));

it('is what the docstrings say now: otherwise run "npm run docs"', () => {
  const [now, committed] = [pages(made), pages(COMMITTED)];
  expect(Object.keys(committed)).toEqual(Object.keys(now));
  expect(Object.keys(now).filter((page) => committed[page] !== now[page])).toEqual([]);
});

it('has a page for every export', async () => {
  const { default: _none, ...exports } = (await import('../../lib/index.js')) as Record<string, unknown>;
  const names = Object.keys(pages(made)).map((page) => page.replace(/^.*\//, '').replace(/\.md$/, ''));
  const aliases = ['InvalidOptionError']; // stands on the page of InvalidArgumentError
  expect(Object.keys(exports).filter((name) => !names.includes(name) && !aliases.includes(name))).toEqual([]);
});
