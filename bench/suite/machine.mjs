// What the figures are taken on, and with what.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';

/** @returns {import('../result-tables.mjs').Report['machine']} */
export function describeMachine() {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? os.arch(),
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    gpu: null,
    system: `${os.type()} ${os.machine()}`,
  };
}

/** @param {Record<string, string | null>} peers versions of the peers that take part */
export function describeVersions(peers) {
  const read = (name) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
  return {
    'node-bllossom': read('package.json').version,
    'llama.cpp': read('vendor/pin.json').version,
    node: process.versions.node,
    compiler: firstLine(process.env.CXX || 'c++', '--version'),
    ...peers,
  };
}

/** Of what a program prints; null where it is missing or fails. */
function firstLine(program, ...args) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')[0];
  } catch {
    return null;
  }
}
