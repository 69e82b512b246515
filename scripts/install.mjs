#!/usr/bin/env node
// Runs on `npm install`. Does nothing where an addon that loads is there (a prebuilt one, or an earlier build);
// otherwise builds it from source if it can. It never fails the installation of whoever depends on this package: what
// is missing is said here, and once more at the first use. BLLOSSOM_SKIP_BUILD=1 skips it all.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { explainMissing, missingCompilers } from './compilers.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const LATER = `\
  The package is installed without its addon; \`npx bllossom build\` builds it later.
  애드온 없이 설치되었습니다. 나중에 \`npx bllossom build\`로 빌드할 수 있습니다.`;

/** Loads the addon in a child process, so that one that crashes on this CPU counts as missing. */
function addonLoads() {
  const probe = 'require("node-gyp-build")(process.argv[1])';
  return spawnSync(process.execPath, ['-e', probe, root], { cwd: root, stdio: 'ignore' }).status === 0;
}

function step(script) {
  const { status } = spawnSync(process.execPath, [path.join(root, 'scripts', script)], { cwd: root, stdio: 'inherit' });
  return status === 0;
}

/** Returns what there is to say. */
function install() {
  if (process.env.BLLOSSOM_SKIP_BUILD === '1') return `BLLOSSOM_SKIP_BUILD=1: nothing is built\n${LATER}`;
  if (addonLoads()) return 'the addon is in place';
  const missing = missingCompilers();
  if (missing.length > 0) {
    const lead = `no prebuilt addon fits ${process.platform}-${process.arch}, and`;
    return `${lead} ${explainMissing(missing)}\n${LATER}`;
  }
  console.log('install: building the addon from source; this takes some minutes');
  const needsVendor = !existsSync(path.join(root, 'vendor', 'llama.cpp', '.pin')); // the package holds it, a clone does not
  if (needsVendor && !step('vendor.mjs')) return `the sources of llama.cpp could not be fetched (see above)\n${LATER}`;
  if (!step('build-native.mjs')) return `the build failed (see above)\n${LATER}`;
  return addonLoads() ? 'the addon is built' : 'the addon was built but does not load; its first use says why';
}

console.log(`install: ${install()}`);
