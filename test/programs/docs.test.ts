import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { Config } from '../../lib/config.js';
import { transpile } from '../../scripts/examples/compile.mjs';
import { blocksOf, type DocBlock } from '../support/doc-blocks.js';
import { docWorkspace } from '../support/doc-workspace.js';
import { ROOT } from '../support/model.js';

const run = promisify(execFile);
const CLI = join(ROOT, 'dist', 'cli', 'main.js');
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const PAGES = ['README.md', 'README.ko.md', 'docs/guide.md', 'docs/guide.ko.md', 'docs/structured-output.md'];
/** What is shown and not run: installing, other machines, pictures of output. */
const SHOWN = ['console', 'text'];

interface Page {
  name: string;
  folder: string;
  blocks: DocBlock[];
}

const pages: Page[] = PAGES.map((name) => ({
  name,
  folder: '',
  blocks: blocksOf(readFileSync(join(ROOT, name), 'utf8')).filter(({ language }) => !SHOWN.includes(language)),
}));

beforeAll(async () => {
  for (const page of pages) page.folder = await docWorkspace(basename(page.name, '.md'));
});

/** The arguments of a command line; quotes hold words together, `#` begins a comment. */
function words(line: string): string[] {
  const bare = line.replace(/\s+#.*$/, '');
  return [...bare.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '');
}

describe.each(pages)('$name', (page) => {
  const of = (language: string) => page.blocks.filter((block) => block.language === language);

  it('holds only blocks that are run, or marked as shown', () => {
    expect(
      page.blocks.map(({ language }) => language).filter((name) => !['ts', 'sh', 'yaml', 'json'].includes(name)),
    ).toEqual([]);
  });

  it('has programs with the right types', async () => {
    const files = of('ts').map(({ code, line }) => {
      const file = `line-${line}.mts`;
      writeFileSync(join(page.folder, file), `${code}\nexport {};\n`);
      return file;
    });
    expect(files.length).toBeGreaterThan(0);
    const compilerOptions = { noEmit: true, rootDir: '.', skipLibCheck: true, types: ['node'] };
    const tsconfig = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, files, include: [] };
    writeFileSync(join(page.folder, 'tsconfig.json'), JSON.stringify(tsconfig));
    const { stdout } = await run(process.execPath, [TSC, '-p', page.folder]).catch((error) => error);
    expect(stdout).toBe('');
  });

  it.each(of('ts').map((block) => [block.line, block.code] as const))(
    'runs the program of line %i',
    async (line, code) => {
      const file = join(page.folder, `line-${line}.js`);
      writeFileSync(file, transpile(code));
      const { stdout } = await run(process.execPath, [file], { cwd: page.folder, timeout: 60_000 });
      expect(stdout.length).toBeGreaterThan(0);
    },
  );

  it.each(
    of('sh')
      .flatMap(({ code }) => code.split('\n'))
      .filter((line) => line.trim() !== ''),
  )('runs %s', async (line) => {
    const [command, ...args] = words(line);
    expect(command).toBe('bllossom');
    const env = { ...process.env, LANG: 'C.UTF-8' };
    const { stdout } = await run(process.execPath, [CLI, ...args], { cwd: page.folder, timeout: 60_000, env });
    const output = args[args.indexOf('--output') + 1];
    if (args.includes('--output') && output) expect(existsSync(join(page.folder, output))).toBe(true);
    else expect(stdout.length).toBeGreaterThan(0);
  });

  it.each(of('yaml').map((block) => [block.line, block.code] as const))(
    'reads the configuration of line %i',
    (line, code) => {
      const file = join(page.folder, `line-${line}.yaml`);
      writeFileSync(file, code);
      expect(new Config(file).model.path).toMatch(/\.gguf$/);
    },
  );

  it('shows JSON that is JSON', () => {
    for (const { code } of of('json')) expect(() => JSON.parse(code)).not.toThrow();
  });
});

it('says the same in both languages: the same programs, commands and tables', () => {
  const shape = (name: string) => {
    const text = readFileSync(join(ROOT, name), 'utf8');
    const rows = text.split('\n').filter((line) => line.startsWith('|')).length;
    return { blocks: blocksOf(text).map(({ language }) => language), rows, parts: text.match(/^#+ /gm) };
  };
  expect(shape('docs/guide.ko.md')).toEqual(shape('docs/guide.md'));
});
