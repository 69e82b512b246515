import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

// A folder of prebuilds with one tiny library under all names; what is tested is that nothing unfit passes. The check
// reads libraries of Linux, with the tools of Linux.

const OWN = ['libbllossom-ggml-base.so', 'libbllossom-ggml.so', 'libbllossom-llama.so'];
const LEVELS =
  'x64 sse42 sandybridge ivybridge piledriver haswell skylakex cannonlake cascadelake icelake cooperlake zen4 sapphirerapids alderlake';
const FILES = ['bllossom.node', ...OWN, ...LEVELS.split(' ').map((level) => `libggml-cpu-${level}.so`)];

let scratch: string;
let folder: string;

/** Compiles a library. Its text says what is wrong with it. */
function library(file: string, text: string, ...flags: string[]) {
  const source = path.join(scratch, 'source.c');
  writeFileSync(source, text);
  execFileSync('cc', ['-shared', '-fPIC', '-nostartfiles', '-o', file, source, ...flags]);
}

const ORIGIN = '-Wl,-rpath,$ORIGIN';

function check(target = folder) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/prebuild/check.mjs', target], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

beforeAll(() => {
  scratch = mkdtempSync(path.join(tmpdir(), 'prebuild-check-'));
  library(path.join(scratch, 'good.so'), 'void napi_register_module_v1(void) {}', ORIGIN);
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

beforeEach(() => {
  folder = path.join(scratch, 'linux-x64');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const name of FILES) copyFileSync(path.join(scratch, 'good.so'), path.join(folder, name));
});

describe('the check of a prebuild', () => {
  test('passes one that is complete, and says what it holds', () => {
    const { status, stdout } = check();
    expect(stdout).toMatch(/^linux-x64: 18 files, 0\.\d MB, 14 CPU levels\n/);
    expect(status).toBe(0);
  });

  test.each(['bllossom.node', 'libbllossom-ggml.so', 'libggml-cpu-haswell.so'])('misses %s', (name) => {
    rmSync(path.join(folder, name));
    const { status, stderr } = check();
    expect(stderr).toContain(`${name} is missing`);
    expect(status).toBe(1);
  });

  test('refuses what belongs into a package of its own', () => {
    writeFileSync(path.join(folder, 'libggml-cuda.so'), '');
    expect(check().stderr).toContain('libggml-cuda.so does not belong here');
  });

  test('refuses a platform that nothing is published for', () => {
    const other = path.join(scratch, 'plan9-mips');
    mkdirSync(other);
    expect(check(other).stderr).toContain('nothing is published for plan9-mips; known: linux-x64');
  });

  const unfit = {
    'a newer C library than the floor': {
      text: 'unsigned arc4random(void); unsigned f(void) { return arc4random(); }',
      flags: [ORIGIN],
      says: 'needs GLIBC_2.36, the floor is 2.34',
    },
    'a library that may be missing': {
      text: 'void f(void) {}',
      flags: [ORIGIN, '-Wl,--no-as-needed', '-lgomp'],
      says: 'needs libgomp.so.1',
    },
    'libraries of other folders': {
      text: 'void f(void) {}',
      flags: ['-Wl,-rpath,/opt/lib'],
      says: 'looks for its libraries in /opt/lib',
    },
    'no folder for its libraries': {
      text: 'void f(void) {}',
      flags: [],
      says: 'looks for its libraries in the folders of the system',
    },
    'the folder it was built in': {
      text: `const char * f(void) { return "${process.cwd()}/cpp/engine/error.cpp"; }`,
      flags: [ORIGIN],
      says: 'names the folder it was built in',
    },
    AVX: {
      text: 'void f(void) { __asm__("vaddps %ymm0, %ymm0, %ymm0"); }',
      flags: [ORIGIN],
      says: 'needs AVX: ',
    },
  };

  test.each(Object.entries(unfit))('refuses a library that needs or has %s', (_, { text, flags, says }) => {
    const name = 'libbllossom-llama.so';
    library(path.join(folder, name), text, ...flags);
    const { status, stderr } = check();
    expect(stderr).toContain(`${name} ${says}`);
    expect(stderr.match(/libbllossom-llama/g)).toHaveLength(1);
    expect(status).toBe(1);
  });

  test('refuses an addon that shows more than its entry', () => {
    library(path.join(folder, 'bllossom.node'), 'void napi_register_module_v1(void) {} int ggml_init;', ORIGIN);
    expect(check().stderr).toContain('bllossom.node exports ggml_init');
  });

  test('lets a CPU level use what it is made for', () => {
    const text = 'void f(void) { __asm__("vaddps %zmm0, %zmm0, %zmm0"); }';
    library(path.join(folder, 'libggml-cpu-zen4.so'), text, ORIGIN);
    expect(check().status).toBe(0);
    library(path.join(folder, 'libggml-cpu-sse42.so'), text, ORIGIN);
    expect(check().stderr).toContain('libggml-cpu-sse42.so needs AVX');
  });

  test.each(['avx2_text', 'avx512_text', 'amx_text'])('lets AVX pass in %s, and nowhere beside it', (section) => {
    const entry = 'void napi_register_module_v1(void) {}';
    const uses = (attributes: string, name: string) =>
      `__attribute__((used, ${attributes})) static void ${name}(void) { __asm__("vaddps %ymm0, %ymm0, %ymm0"); }`;
    const guarded = uses(`section("${section}")`, 'guarded');
    library(path.join(folder, 'bllossom.node'), `${entry} ${guarded}`, ORIGIN);
    expect(check().status).toBe(0);
    library(path.join(folder, 'bllossom.node'), `${entry} ${guarded} ${uses('noinline', 'beside')}`, ORIGIN);
    expect(check().stderr).toContain('bllossom.node needs AVX: ');
  });

  test('names every problem at once', () => {
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.so'))) rmSync(path.join(folder, name));
    expect(check().stderr.match(/is missing/g)).toHaveLength(FILES.length - 1);
  });
});
