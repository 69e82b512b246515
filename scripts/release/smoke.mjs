#!/usr/bin/env node
// Installs the packed package as its users do, into empty projects on machines without a compiler, and asks the demo
// model: from the command line, from CommonJS, from an ES module and from a worker thread.
//
//   node scripts/release/smoke.mjs <tarball> [--managers npm,pnpm,yarn] [--nodes 20,22,24] [--gpu <tarball>]
//
// Every answer must be the same. --gpu: a tarball of the package for CUDA, installed beside it; must be found and loaded.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { NODE_VERSIONS, PACKAGE_MANAGERS } from './platforms.mjs';
import { run } from './run.mjs';
import { SmokeProject } from './smoke-project.mjs';
import { table } from './table.mjs';
import { obtainTools } from './tools.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const MB = 1e6;
const GREEDY = ['--max-tokens', '8', '--temperature', '0'];
const PROGRAMS = ['answer.cjs', 'answer.mjs', 'answer-in-worker.mjs'];

/** One installation, asked in every way. Returns a row of the table and the answer. */
function tryOut(project, tarball, flags) {
  const seconds = project.add([tarball], flags);
  const picture = path.join(project.folder, 'node_modules', 'node-bllossom', 'models', 'pictures', 'receipt.png');
  const { stdout, stderr } = project.bllossom(['vision', picture, '--json', ...GREEDY]);
  assert.match(stderr, /bllossom: no model is named/);
  const { response } = JSON.parse(stdout);
  assert.ok(response.length > 0, 'the demo model answered nothing');
  for (const file of PROGRAMS) assert.equal(project.program(file), response, `${file} got another answer`);
  const { own, all } = project.sizes();
  return { response, cells: [`${seconds.toFixed(1)} s`, `${(own / MB).toFixed(1)} MB`, `${(all / MB).toFixed(1)} MB`] };
}

/** What `bllossom info` tells about the package for GPUs that was installed beside. */
function tryGpuPackage(project, tarball, gpu) {
  project.add([tarball, gpu]);
  const { gpuPackages } = JSON.parse(project.bllossom(['info', '--json']).stdout);
  assert.deepEqual(
    gpuPackages.map(({ backends, problem }) => ({ backends, problem })),
    [{ backends: ['CUDA'], problem: null }],
  );
}

/**
 * @param {{ tarball: string, managers?: string[], nodes?: number[], gpu?: string }} options
 * @returns {string[]} lines of a table
 */
export function smoke({ tarball, managers = PACKAGE_MANAGERS, nodes = NODE_VERSIONS, gpu }) {
  assert.ok(existsSync(tarball), `there is no tarball ${tarball}`);
  const tools = obtainTools(path.join(root, '.cache', 'release-tools'), managers, nodes);
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const registry = run(npm, ['config', 'get', 'registry'], { shell: process.platform === 'win32' }).stdout.trim();
  const answers = new Set();
  const rows = [['', 'Node', 'install', 'package', 'node_modules']];

  function within(manager, node, work) {
    const program = tools.managers.get(manager);
    const project = new SmokeProject({ manager, program, node: tools.nodes.get(node), registry });
    try {
      return work(project);
    } catch (error) {
      throw new Error(`${manager}, Node ${node}: ${error.message}`, { cause: error });
    } finally {
      project.remove();
    }
  }

  for (const node of nodes) {
    for (const manager of managers) {
      for (const flags of manager === 'npm' ? [[], ['--ignore-scripts']] : [[]]) {
        const { response, cells } = within(manager, node, (project) => tryOut(project, tarball, flags));
        answers.add(response);
        rows.push([[manager, ...flags].join(' '), String(node), ...cells]);
        console.log(`smoke: ${rows.at(-1).join('  ')}`);
      }
    }
  }
  assert.equal(answers.size, 1, 'the answers differ');
  if (gpu !== undefined) {
    for (const manager of managers) {
      within(manager, nodes[0], (project) => tryGpuPackage(project, tarball, gpu));
      console.log(`smoke: ${manager} finds the GPU package`);
    }
  }
  return table(rows);
}

function main() {
  const { values, positionals } = parseArgs({
    options: { managers: { type: 'string' }, nodes: { type: 'string' }, gpu: { type: 'string' } },
    allowPositionals: true,
  });
  const [tarball = ''] = positionals;
  const managers = values.managers?.split(',');
  const nodes = values.nodes?.split(',').map(Number);
  console.log(smoke({ tarball, managers, nodes, gpu: values.gpu }).join('\n'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
