import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../lib/cli/version.js';
import { gpuPackageName } from '../../lib/native/gpu-packages.js';
import { libraryName } from '../../scripts/release/platforms.mjs';
import { ROOT, temporaryFolder, tinyImages, tinyModel } from '../support/model.js';

interface Packed {
  filename: string;
  size: number;
  unpackedSize: number;
  files: { path: string }[];
}

const project = join(temporaryFolder(), 'consumer');
const installed = join(project, 'node_modules', 'node-bllossom');
let packed: Packed;

/**
 * A project that has the packed tarball installed. Two things differ from `npm install`, so that this needs neither the
 * network nor minutes: the dependencies are links to those of this repository, and the addon is the one that was built
 * here, put where the prebuilt one lies. No script runs.
 */
beforeAll(() => {
  mkdirSync(installed, { recursive: true });
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', project];
  const listing = JSON.parse(
    execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  ) as Record<string, Packed>;
  packed = Object.values(listing)[0] as Packed;
  execFileSync('tar', ['-xzf', join(project, packed.filename), '-C', installed, '--strip-components=1']);
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
  }
  const prebuilt = join(installed, 'prebuilds', `${process.platform}-${process.arch}`);
  cpSync(join(ROOT, 'build', 'Release'), prebuilt, { recursive: true });
  writeFileSync(join(project, 'package.json'), '{ "name": "consumer", "private": true }\n');
});

const ALLOWED = [
  /^(package\.json|CMakeLists\.txt|LICENSE|THIRD_PARTY_NOTICES\.md|README(\.ko)?\.md|CHANGELOG\.md)$/,
  /^dist\/[\w/-]+\.(js|js\.map|d\.ts)$/,
  /^dist\/index\.(cjs|cjs\.map|d\.cts)$/,
  /^lib\/[\w/-]+\.c?ts$/,
  /^cpp\/(README\.md|[\w/-]+\.(h|cpp|map|cmake))$/,
  /^docs\/[\w./-]+\.md$/,
  /^scripts\/(install|vendor|build-native|build-tools|compilers)\.(mjs|json)$/,
  /^models\/(README\.md|registry\.yaml|demo\.gguf|pictures\/\w+\.png)$/,
  /^vendor\/(README\.md|pin\.json)$/,
  /^vendor\/llama\.cpp\//,
];

/** Only where they were made: `npm run release:check` looks into them. */
const PREBUILT = /^prebuilds\//;

describe('the tarball', () => {
  it('holds what it must and nothing else', () => {
    const files = packed.files.map(({ path }) => path).filter((file) => !PREBUILT.test(file));
    expect(files.filter((file) => !ALLOWED.some((pattern) => pattern.test(file)))).toEqual([]);
    for (const pattern of ALLOWED)
      expect(
        files.some((file) => pattern.test(file)),
        `${pattern}`,
      ).toBe(true);
    expect(files.filter((file) => file.startsWith('vendor/llama.cpp/') && /(^|\/)tests?\//.test(file))).toEqual([]);
    const { size, unpackedSize } = packed;
    console.log(`${files.length} files, ${size} bytes packed, ${unpackedSize} unpacked`);
  });

  it('holds no binary but the demo model and its pictures', () => {
    const others = packed.files.map(({ path }) => path).filter((file) => !PREBUILT.test(file));
    const binaries = others.filter((file) => readFileSync(join(installed, file)).includes(0));
    const pictures = ['chart', 'receipt', 'shapes', 'table'].map((name) => `models/pictures/${name}.png`);
    expect(binaries.sort()).toEqual(['models/demo.gguf', ...pictures]);
  });

  it('names no folder of the machine that packed it', () => {
    const own = packed.files.filter(({ path }) => !path.startsWith('vendor/llama.cpp/') && !PREBUILT.test(path));
    const telling = own.filter(({ path }) => readFileSync(join(installed, path), 'utf8').includes(ROOT));
    expect(telling).toEqual([]);
  });
});

/** Writes a program and runs it in the project. Returns the last line that it printed, as JSON. */
async function run(file: string, text: string): Promise<unknown> {
  writeFileSync(join(project, file), text);
  const args = [file, await tinyModel(), tinyImages()[0] as string];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

const PROGRAM = `
async function main() {
  const [, , path, image] = process.argv;
  const config = new Config();
  config.model.path = path;
  config.hardware.threads = 1;
  const manager = new ModelManager(config);
  if (!(await manager.loadModel())) throw manager.lastError;
  const options = { maxTokens: 4, temperature: 0 };
  let pieces = '';
  const generation = new TextGenerator(manager).generate('안녕하세요', options);
  for await (const piece of generation) pieces += piece;
  const { response } = await generation;
  const { imageSize, finishReason } = await new VisionGenerator(manager).describeImage(image, options);
  const failure = await new TextGenerator(manager).generate('').catch((error) => error);
  await manager.unloadModel();
  console.log(JSON.stringify({ same: pieces === response, imageSize, finishReason, code: failure.code,
    typed: failure instanceof InvalidArgumentError }));
}
main();
`;
const NAMES = 'Config, InvalidArgumentError, ModelManager, TextGenerator, VisionGenerator';

describe('a program of the project', () => {
  const programs = [
    ['consumer.cjs', `const { ${NAMES} } = require('node-bllossom');${PROGRAM}`],
    ['consumer.mjs', `import { ${NAMES} } from 'node-bllossom';${PROGRAM}`],
  ] as const;
  it.each(programs)('%s runs', async (file, text) => {
    const seen = await run(file, text);
    expect(seen).toEqual({
      ...{ same: true, imageSize: [expect.any(Number), expect.any(Number)], finishReason: expect.any(String) },
      ...{ code: 'ERR_INVALID_OPTION', typed: true },
    });
  });

  it('has the command line', () => {
    const main = join(installed, 'dist', 'cli', 'main.js');
    const version = execFileSync(process.execPath, [main, '--version'], { cwd: project, encoding: 'utf8' }).trim();
    expect(version).toBe(VERSION);
  });
});

/** Runs the installed command line in the project, where nothing names a model. */
function bllossom(args: string[], env: NodeJS.ProcessEnv = {}) {
  const main = join(installed, 'dist', 'cli', 'main.js');
  const clean = { PATH: process.env.PATH, HOME: project, LANG: 'C.UTF-8', ...env };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    ...{ cwd: project, env: clean, encoding: 'utf8' },
  });
  return { status, stdout, stderr };
}

describe('the first command', () => {
  const ask = [
    'vision',
    join(installed, 'models', 'pictures', 'receipt.png'),
    '--max-tokens',
    '4',
    '--temperature',
    '0',
  ];

  it('is answered by the demo model, and says so', () => {
    const first = bllossom(ask);
    expect(first).toMatchObject({ status: 0, stderr: expect.stringMatching(/^bllossom: no model is named[^\n]+\n$/) });
    const demo = join(installed, 'models', 'demo.gguf');
    expect(bllossom([...ask, '--model', demo])).toEqual({ status: 0, stdout: first.stdout, stderr: '' });
    expect(bllossom(ask, { LANG: 'ko_KR.UTF-8' }).stderr).toMatch(/^bllossom: 지정된 모델이 없어/);
  });

  it('is not, where a configuration asks for another model', () => {
    const config = join(project, 'other.yaml');
    writeFileSync(config, 'hardware:\n  threads: 1\n');
    const offline = { HF_HUB_OFFLINE: '1' };
    const refused = { status: 1, stdout: '', stderr: expect.stringMatching(/error: .*not in the cache/) };
    expect(bllossom([...ask, '--config', config], offline)).toEqual(refused);
    expect(bllossom([...ask, '--model', 'aica-5b'], offline)).toEqual(refused);
  });
});

describe('a machine that no addon fits, and without a compiler', () => {
  const prebuilds = join(installed, 'prebuilds');
  const away = join(project, 'prebuilds');
  beforeAll(() => renameSync(prebuilds, away));
  afterAll(() => renameSync(away, prebuilds));

  it('installs all the same, and the first use says what to do in the language of the reader', () => {
    const script = join(installed, 'scripts', 'install.mjs');
    const options = { cwd: installed, env: { PATH: '' }, encoding: 'utf8' } as const;
    expect(spawnSync(process.execPath, [script], options)).toMatchObject({
      ...{ status: 0, stderr: '', stdout: expect.stringContaining('npx bllossom build') },
    });
    const line = /^bllossom: error: The native addon could not be loaded on [^\n]+"npx bllossom build"[^\n]+\n$/;
    expect(bllossom(['info'])).toEqual({ status: 1, stdout: '', stderr: expect.stringMatching(line) });
    expect(bllossom(['info'], { LANG: 'ko_KR.UTF-8' }).stderr).toContain('네이티브 애드온을 불러올 수 없습니다');
  });
});

describe('bllossom build', () => {
  it('has the sources, and names what is missing before anything is compiled', () => {
    const { status, stderr } = bllossom(['build'], { PATH: '' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/needs: cmake \(3\.21 or newer\), a C\+\+17 compiler .*\n.*다음이 없습니다/);
  });
});

describe('a GPU package that cannot be used', () => {
  const name = gpuPackageName('cuda');
  const folder = join(project, 'node_modules', name);

  /** Its library is a text: no loader takes it. */
  function put(version: string): void {
    mkdirSync(join(folder, 'lib'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version }));
    writeFileSync(join(folder, 'lib', libraryName(`${process.platform}-${process.arch}`, 'cuda')), 'no library');
  }
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['0.0.1', /version 0\.0\.1 does not go with node-bllossom .*npm install/],
    [VERSION, /ggml-cuda/],
  ])('in version %s leaves the CPU, and says why', (version, why) => {
    put(version);
    const info = bllossom(['info', '--json']);
    expect(info.status).toBe(0);
    const { gpuPackages, native } = JSON.parse(info.stdout);
    expect(gpuPackages).toEqual([{ name, version, backends: [], problem: expect.stringMatching(why) }]);
    expect(native.devices.map(({ type }: { type: string }) => type)).toEqual(['cpu']);
    expect(info.stderr).toContain(`[ERR_BACKEND] Warning: ${name} is not used: ${gpuPackages[0].problem}`);
    expect(bllossom(['info']).stdout).toContain(`${name} ${version}: not used. ${gpuPackages[0].problem}`);
  });
});

/** What a program in TypeScript does with the types. The lines marked as errors must be errors. */
const TYPESCRIPT = `
import { type BatchItem, BllossomError, type ChatMessage, Config, type ErrorCode, type GenerationResult,
  getModelManager, type ModelInfo, TextGenerator, VisionGenerator, type VisionResult } from 'node-bllossom';

class MyConfig extends Config {
  setPreciseMode(): void { this.generation.temperature = 0.1; }
}

export async function main(image: string | Uint8Array, signal?: AbortSignal): Promise<string> {
  const config = new MyConfig();
  config.setPreciseMode();
  const manager = getModelManager(config);
  const loaded: boolean = await manager.loadModel({ onProgress: (value) => value.toFixed(2), signal });
  const info: ModelInfo = manager.getModelInfo();
  const text = new TextGenerator(manager);
  const messages: ChatMessage[] = [{ role: 'user', content: [{ type: 'image', image }, { type: 'text', text: '?' }] }];
  const result: GenerationResult = await text.chatGenerate(messages, { maxTokens: 5, stop: ['.'] });
  for await (const piece of text.generate('hi')) piece.toUpperCase();
  const items: BatchItem<GenerationResult>[] = await text.batchGenerate(['a', 'b']);
  for (const item of items) item.success ? item.response.length : item.error.message;
  const seen: VisionResult = await new VisionGenerator(manager).extractText(image, { language: 'en' });
  const [width, height]: [number, number] = seen.imageSize;
  try {
    await manager.unloadModel();
  } catch (error) {
    if (error instanceof BllossomError) { const code: ErrorCode = error.code; console.log(code); }
  }
  // @ts-expect-error a misspelled option
  text.generate('hi', { maxToken: 5 });
  // @ts-expect-error a prompt is a text
  text.generate(5);
  // @ts-expect-error a type that is not offered
  config.hardware.kvCacheType = 'q8';
  // @ts-expect-error results are typed, so that a property that is not there is seen
  result.answer;
  return [loaded, info.status, result.response, width * height].join();
}
`;

describe('TypeScript, strict and with the declarations checked too', () => {
  const kinds: [name: string, file: string, options: object][] = [
    ['NodeNext, an ES module', 'main.mts', { module: 'nodenext' }],
    ['NodeNext, CommonJS', 'main.cts', { module: 'nodenext' }],
    ['NodeNext, what package.json says', 'main.ts', { module: 'nodenext' }],
    ['a bundler', 'main.ts', { module: 'esnext', moduleResolution: 'bundler' }],
    ['CommonJS with the resolution of bundlers', 'main.ts', { module: 'commonjs', moduleResolution: 'bundler' }],
    ['without the types of Node', 'main.ts', { module: 'nodenext', types: [] }],
    ['exact optional properties', 'main.mts', { module: 'nodenext', exactOptionalPropertyTypes: true }],
  ];
  it.each(kinds)('%s', (_, file, options) => {
    writeFileSync(join(project, file), TYPESCRIPT);
    const compilerOptions = { strict: true, noEmit: true, skipLibCheck: false, target: 'es2023', types: ['node'] };
    const tsconfig = { compilerOptions: { ...compilerOptions, ...options }, files: [file] };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(tsconfig));
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json'], {
      cwd: project,
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });
});
