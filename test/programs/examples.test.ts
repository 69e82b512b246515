import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { compileExamples } from '../../scripts/examples/compile.mjs';
import { docWorkspace } from '../support/doc-workspace.js';
import { ROOT } from '../support/model.js';

let compiled: string;
let files: string;
beforeAll(async () => {
  compiled = compileExamples(ROOT);
  files = await docWorkspace('examples');
});

/** Runs a program of examples/ on the demo model. */
function example(
  name: string,
  args: string[] = [],
  input = '',
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, BLLOSSOM_MODEL: join(ROOT, 'models', 'demo.gguf') };
    const child = spawn(process.execPath, [join(compiled, `${name}.js`), ...args], { cwd: ROOT, env, timeout: 90_000 });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(input);
  });
}

it('describes a picture', async () => {
  const run = await example('describe-image', ['models/pictures/receipt.png']);
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.stdout).toMatch(/\n\d+ x \d+, encoded in [\d.]+ s\n[\d.]+ tokens\/s\n$/);
});

it('chats, with a picture', async () => {
  const run = await example('chat', [], '안녕하세요?\n@models/pictures/receipt.png 이건 뭔가요?\n');
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.stdout).toMatch(/\n4 messages\n$/);
});

it('reads a receipt as typed data', async () => {
  const run = await example('read-receipt', ['models/pictures/receipt.png']);
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.stdout).toMatch(/\n\d+ (KRW|USD|EUR|JPY)\n$/);
});

it('converts a PDF to Markdown', async () => {
  const target = join(mkdtempSync(join(tmpdir(), 'bllossom-')), 'report.md');
  const run = await example('pdf-to-markdown', [join(files, 'report.pdf'), target]);
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.stdout).toContain('3 of 3 pages');
  expect(existsSync(target) && readFileSync(target, 'utf8').length).toBeGreaterThan(0);
});

it('captions a folder', async () => {
  const run = await example('caption-folder', [files]);
  expect(run).toMatchObject({ code: 0, stderr: '' });
  for (const name of ['photo.jpg', 'receipt.png', 'table.png', 'chart.png']) expect(run.stdout).toContain(`${name}: `);
});

it('goes through every pattern of the reference', async () => {
  const run = await example('port-of-the-reference', ['models/pictures/receipt.png']);
  expect(run).toMatchObject({ code: 0, stderr: '' });
  for (const sign of [
    'healthy: true',
    'exported: ',
    '2 of 2 pages',
    'wrong call: ',
    "functionName: 'describe'",
    '(temperature 0.1)',
  ]) {
    expect(run.stdout).toContain(sign);
  }
});

it('has a test here for every example', () => {
  const names = readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.ts') && name !== 'model.ts');
  const self = readFileSync(new URL(import.meta.url), 'utf8');
  for (const name of names) expect(self).toContain(`example('${name.replace('.ts', '')}'`);
});
