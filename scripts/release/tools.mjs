// The package managers and the versions of Node that a smoke test installs with, from the registry into a cache folder.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './run.mjs';

/** Pinned: a new version of a package manager must not fail the release of a day. pnpm 10 is the last for Node 20. */
const MANAGERS = {
  npm: { package: 'npm@11.21.2', program: 'bin/npm-cli.js' },
  pnpm: { package: 'pnpm@10.34.8', program: 'bin/pnpm.cjs' },
  yarn: { package: 'yarn@1.22.22', program: 'bin/yarn.js' },
};
const NODES = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0' };

/**
 * Where the managers' programs and the Node binaries are.
 *
 * @param {string} folder cache @param {string[]} managers @param {number[]} nodes major versions
 * @returns {{ managers: Map<string, string>, nodes: Map<number, string> }}
 */
export function obtainTools(folder, managers, nodes) {
  const own = Number(process.versions.node.split('.')[0]);
  const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const others = nodes.filter((major) => major !== own);
  const dependencies = Object.fromEntries([
    ...managers.map((name) => [name, `npm:${MANAGERS[name].package}`]),
    ...others.map((major) => [`node-${major}`, `npm:node-${platform}@${NODES[major]}`]),
  ]);
  install(folder, dependencies);
  const inside = (...names) => path.join(folder, 'node_modules', ...names);
  const program = (name) => inside(name, MANAGERS[name].program);
  const node = process.platform === 'win32' ? ['node.exe'] : ['node'];
  return {
    managers: new Map(managers.map((name) => [name, program(name)])),
    nodes: new Map(
      nodes.map((major) => [major, major === own ? process.execPath : inside(`node-${major}`, 'bin', ...node)]),
    ),
  };
}

function install(folder, dependencies) {
  const manifest = `${JSON.stringify({ private: true, dependencies }, null, 2)}\n`;
  const file = path.join(folder, 'package.json');
  const stamp = path.join(folder, 'installed.json');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === manifest) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, manifest);
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'];
  run(npm, args, { cwd: folder, shell: process.platform === 'win32' });
  writeFileSync(stamp, manifest);
}
