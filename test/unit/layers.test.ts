import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let project: string;

function write(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(project, file)), { recursive: true });
  writeFileSync(path.join(project, file), text);
}

function check(): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, ['scripts/check-layers.mjs', project], { encoding: 'utf8' });
}

beforeEach(() => {
  project = mkdtempSync(path.join(tmpdir(), 'layers-test-'));
  write('cpp/engine/error.h', '#include <string>\n');
  write('cpp/engine/weights.h', '#include "error.h"\n#include "ggml.h"\n');
  write('cpp/binding/addon.cpp', '#include "weights.h"\n#include <napi.h>\n');
  write('lib/errors.ts', 'export {};\n');
  write('lib/index.ts', `export * from './errors.js';\n`);
});

afterEach(() => rmSync(project, { recursive: true, force: true }));

describe('the layer check', () => {
  test('accepts files that keep to their layer', () => {
    expect(check()).toMatchObject({ status: 0, stderr: '' });
  });

  test.each([
    ['the engine including N-API', 'cpp/engine/a.cpp', '#include <napi.h>', 'the engine knows no N-API'],
    ['the engine including the binding', 'cpp/engine/a.cpp', '#include "convert.h"', 'neither one of ours'],
    ['a private header of llama.cpp', 'cpp/engine/a.cpp', '#include "llama-model.h"', 'private headers'],
    ['a private header of ggml', 'cpp/engine/a.cpp', '#  include "ggml-impl.h"', 'private headers'],
    [
      'a path into the vendored tree',
      'cpp/engine/a.cpp',
      '#include "../../vendor/llama.cpp/src/llama-vocab.h"',
      'private',
    ],
    ['the binding including ggml', 'cpp/binding/a.cpp', '#include "ggml.h"', 'the binding talks to the engine'],
    ['the scheduler including ggml', 'cpp/engine/scheduler.h', '#include <ggml.h>', 'knows no ggml'],
    ['a bottom file importing upwards', 'lib/check.ts', `import { x } from './config.js';`, 'the bottom layer'],
    ['the library importing the command line', 'lib/config.ts', `import './cli/print.js';`, 'its command line'],
    ['a module importing the public index', 'lib/config.ts', `import { x } from './index.js';`, 'public index'],
    ['a second door to the binary', 'lib/config.ts', `const x = require('node-gyp-build');`, 'only lib/native/load.ts'],
    ['a second importer of sharp', 'lib/config.ts', `const x = require('sharp');`, 'only lib/image/decode.ts'],
    [
      'a second door to pdfjs',
      'lib/config.ts',
      `const x = require('pdfjs-dist');`,
      'only lib/document/optional-peer.ts',
    ],
  ])('refuses %s', (_name, file, line, why) => {
    write(file, `${line}\n`);
    const { status, stderr } = check();
    expect(status).toBe(1);
    expect(stderr).toContain(`layers: ${file} `);
    expect(stderr).toContain(why);
  });

  test('fails when it finds nothing to check', () => {
    rmSync(project, { recursive: true });
    expect(check()).toMatchObject({ status: 1 });
  });
});
