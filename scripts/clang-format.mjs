#!/usr/bin/env node
// Formats the C++ sources, or with --check fails where they are not formatted. Releases of clang-format disagree
// about the same configuration, so one major version is the judge; where it is not installed, that is said.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const MAJOR = 14;
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

function findFormatter() {
  for (const program of [`clang-format-${MAJOR}`, 'clang-format']) {
    const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
    if (stdout?.includes(`version ${MAJOR}.`)) return program;
  }
  return undefined;
}

const formatter = findFormatter();
if (!formatter) {
  console.log(`clang-format: version ${MAJOR} is not on the PATH; the C++ sources were NOT looked at`);
} else {
  const files = ['cpp', 'test/native', 'bench/native'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(h|cpp)$/.test(name))
      .map((name) => path.join(folder, name)),
  );
  const mode = process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i'];
  const { status, error } = spawnSync(formatter, [...mode, ...files], { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  if (status === 0) console.log(`clang-format: ${files.length} files are in order`);
  process.exitCode = status ?? 1;
}
