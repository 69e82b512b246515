import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { textPdf } from '../support/pdf-writer.js';

// The built package stands in a folder of its own, beside the packages that a test gives it and no others.

const FONT = '@expo-google-fonts/noto-sans-kr';
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'bllossom-peers-'));
  for (const part of ['dist', 'package.json']) cpSync(part, join(home, part), { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true }));

interface Outcome {
  code?: string;
  message?: string;
  warnings?: string[];
}

/** Draws the first page in a process without the fonts of the system. */
async function draw(pdf: Buffer, packages: string[]): Promise<Outcome> {
  for (const name of packages) {
    const place = join(home, 'node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(resolve('node_modules', name), place);
  }
  const file = join(home, 'page.pdf');
  writeFileSync(file, pdf);
  const program = `
    const { PdfDocument } = await import(${JSON.stringify(join(home, 'dist/document/pdf.js'))});
    const print = ({ code, message, warnings }) => console.log(JSON.stringify({ code, message, warnings }));
    await PdfDocument.open(${JSON.stringify(file)}).then(async (document) => {
      await document.renderPage(1).then(print, print);
      document.close();
    }, print);`;
  const env = { ...process.env, DISABLE_SYSTEM_FONTS_LOAD: '1' };
  const node = ['--input-type=module', '-e', program];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, node, { env });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Outcome;
}

const KOREAN = textPdf({ name: 'HYSMyeongJo-Medium', encoding: 'UniKS-UCS2-H' }, '한글');

describe('without the optional packages', () => {
  test('a PDF is refused with the command that installs them, in the versions of package.json', async () => {
    const { peerDependencies, peerDependenciesMeta } = JSON.parse(readFileSync('package.json', 'utf8'));
    const outcome = await draw(KOREAN, []);
    expect(outcome.code).toBe('ERR_INVALID_OPTION');
    expect(outcome.message).toContain(
      `"npm install pdfjs-dist@${peerDependencies['pdfjs-dist']} @napi-rs/canvas@${peerDependencies['@napi-rs/canvas']}"`,
    );
    expect(Object.keys(peerDependenciesMeta).sort()).toEqual(Object.keys(peerDependencies).sort());
  });

  test('Korean text without its font is refused, with what to install', async () => {
    const outcome = await draw(KOREAN, ['pdfjs-dist', '@napi-rs/canvas']);
    expect(outcome.code).toBe('ERR_IMAGE_DECODE');
    expect(outcome.message).toMatch(
      /^Page 1 uses the font "HYSMyeongJo-Medium", which is not in the PDF, and no font here draws "한글"\./,
    );
    expect(outcome.message).toContain(`"npm install ${FONT}@0.4"`);
    expect(outcome.message).toContain('apt install fonts-noto-cjk');
    expect(outcome.message).toContain('the option fonts');
  });

  test('Latin text without its font is drawn: pdfjs brings one along', async () => {
    const latin = textPdf({ name: 'NoSuchFont', encoding: 'UniKS-UCS2-H' }, 'Hello');
    expect(await draw(latin, ['pdfjs-dist', '@napi-rs/canvas'])).toEqual({ warnings: [] });
  });

  test('Korean text is drawn with the font package alone', async () => {
    expect(await draw(KOREAN, ['pdfjs-dist', '@napi-rs/canvas', FONT])).toEqual({ warnings: [] });
  });
});
