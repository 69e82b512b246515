import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

// These look at the built package (`npm run test:unit` builds it first), as a user's program would.

const root = process.cwd();
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  main: string;
  types: string;
  bin: Record<string, string>;
  exports: { '.': Record<'import' | 'require', { types: string; default: string }> };
};

/** Runs a program text in its own Node, in the package folder, where `node-bllossom` resolves to the package itself. */
function runNode(text: string): string {
  return execFileSync(process.execPath, ['-e', text], { cwd: root, encoding: 'utf8', stdio: 'pipe' });
}

describe('the built package', () => {
  test('has every file that package.json promises', () => {
    const { import: esm, require: cjs } = manifest.exports['.'];
    const promised = [manifest.main, manifest.types, ...Object.values(manifest.bin), ...Object.values({ ...esm })];
    for (const file of [...promised, ...Object.values(cjs)]) {
      expect(existsSync(path.join(root, file)), file).toBe(true);
    }
  });

  test('resolves to ./dist/index.cjs for require', () => {
    const require = createRequire(path.join(root, 'test', 'x.cjs'));
    expect(require.resolve('node-bllossom')).toBe(path.join(root, 'dist', 'index.cjs'));
  });

  test('require and import give the same objects under the same names', () => {
    const result = JSON.parse(
      runNode(`
        const required = require('node-bllossom');
        import('node-bllossom').then((imported) => {
          const names = Object.keys(imported).filter((name) => name !== 'default' && name !== 'module.exports');
          const different = names.filter((name) => imported[name] !== required[name]);
          const extra = Object.keys(required).filter((name) => !(name in imported));
          console.log(JSON.stringify({ names, different, extra }));
        });`),
    ) as { names: string[]; different: string[]; extra: string[] };
    expect(result.names).toContain('Config');
    expect(result.different).toEqual([]);
    expect(result.extra).toEqual([]);
  });

  test('requiring it prints nothing', () => {
    const text = `require('node-bllossom'); process.on('warning', (warning) => console.log(String(warning)));`;
    expect(runNode(`${text} setTimeout(() => {}, 20)`)).toBe('');
  });

  test('the command line starts with a Node shebang', () => {
    expect(readFileSync(manifest.bin.bllossom as string, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  test('the tarball holds what a source build needs, and no test or build output', () => {
    const listing = JSON.parse(
      execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    ) as [{ files: { path: string }[] }] | Record<string, { files: { path: string }[] }>;
    const files = Object.values(listing)[0]?.files.map((file) => file.path) ?? [];
    for (const needed of [
      'dist/index.js',
      'dist/index.cjs',
      'CMakeLists.txt',
      'cpp/engine/error.h',
      'scripts/install.mjs',
      'scripts/vendor.mjs',
      'scripts/build-native.mjs',
      'models/registry.yaml',
      'vendor/pin.json',
      'vendor/llama.cpp/.pin',
      'vendor/llama.cpp/LICENSE',
      'vendor/llama.cpp/ggml/CMakeLists.txt',
      'vendor/llama.cpp/src/CMakeLists.txt',
      'LICENSE',
      'THIRD_PARTY_NOTICES.md',
      'README.ko.md',
    ]) {
      expect(files, needed).toContain(needed);
    }
    expect(files.filter((file) => /^(build|test|bench|node_modules|\.ci|\.github)/.test(file))).toEqual([]);
  });
});
