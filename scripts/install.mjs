#!/usr/bin/env node
// Runs on `npm install`. Does nothing where an addon that loads is there (a prebuilt one, or an earlier build);
// otherwise builds it from source. BLLOSSOM_SKIP_BUILD=1 skips it all.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const CMAKE_MINIMUM = [3, 21];

/** Loads the addon in a child process, so that one that crashes on this CPU counts as missing. */
function addonLoads() {
  const probe = 'require("node-gyp-build")(process.argv[1])';
  return spawnSync(process.execPath, ['-e', probe, root], { cwd: root, stdio: 'ignore' }).status === 0;
}

const versionOf = (program) => {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
};

function cmakeIsRecent() {
  const [, major, minor] = versionOf('cmake')?.match(/(\d+)\.(\d+)/) ?? [];
  return Number(major) > CMAKE_MINIMUM[0] || (Number(major) === CMAKE_MINIMUM[0] && Number(minor) >= CMAKE_MINIMUM[1]);
}

/** Names of the programs a source build needs and does not find. Windows finds its compiler through cmake-js. */
function missingTools(needsVendor) {
  const missing = [];
  const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean);
  if (!cmakeIsRecent()) missing.push(`cmake (${CMAKE_MINIMUM.join('.')} or newer)`);
  if (process.platform !== 'win32') {
    if (!compilers.some(versionOf)) missing.push('a C++17 compiler (g++ or clang++)');
    if (!versionOf('ninja') && !versionOf('make')) missing.push('ninja or make');
  }
  if (needsVendor && !versionOf('git')) missing.push('git');
  return missing;
}

function explainMissing(missing) {
  const list = missing.join(', ');
  return [
    `no prebuilt addon fits ${process.platform}-${process.arch}, and building it from source needs: ${list}.`,
    `  이 플랫폼(${process.platform}-${process.arch})용 미리 빌드된 애드온이 없어 소스에서 빌드해야 하는데, 다음이 없습니다: ${list}.`,
    '  Debian/Ubuntu: apt-get install g++ cmake ninja-build git   macOS: xcode-select --install && brew install cmake ninja',
    '  Install them and run `npm install` again, or set BLLOSSOM_SKIP_BUILD=1 to install without the addon.',
    '  설치한 뒤 `npm install`을 다시 실행하세요. 애드온 없이 설치하려면 BLLOSSOM_SKIP_BUILD=1을 설정하세요.',
  ].join('\n');
}

function step(script) {
  const { status } = spawnSync(process.execPath, [path.join(root, 'scripts', script)], { cwd: root, stdio: 'inherit' });
  return status === 0;
}

function main() {
  if (process.env.BLLOSSOM_SKIP_BUILD === '1') return 'BLLOSSOM_SKIP_BUILD=1: the addon is not built';
  if (addonLoads()) return 'the addon is in place';
  const needsVendor = !existsSync(path.join(root, 'vendor', 'llama.cpp', '.pin'));
  const missing = missingTools(needsVendor);
  if (missing.length > 0) throw new Error(explainMissing(missing));
  console.log('install: building the addon from source; this takes some minutes');
  if (needsVendor && !step('vendor.mjs')) throw new Error('the sources of llama.cpp could not be fetched (see above)');
  if (!step('build-native.mjs')) throw new Error('the build failed (see above)');
  if (!addonLoads()) throw new Error('the addon was built but does not load; `npm run demo` shows the reason');
  return 'the addon is built';
}

try {
  console.log(`install: ${main()}`);
} catch (error) {
  console.error(`install: ${error.message}`);
  process.exitCode = 1;
}
