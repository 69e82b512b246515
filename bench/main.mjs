#!/usr/bin/env node
// Measures the package through its public API, and the peers on the same work in turns with it.
//
//   npm run bench -- [question …] [--model file.gguf] [--peers [names]] [--quick] [--threads n] [--rounds n] [--json out.json]
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { PRESETS } from '../scripts/random-checkpoint/presets.mjs';
import { PEERS } from './peers/index.mjs';
import { reportSection } from './result-tables.mjs';
import { describeMachine, describeVersions } from './suite/machine.mjs';
import { build, Ceilings } from './suite/native.mjs';

const QUESTIONS = ['decode', 'prefill', 'image', 'batch', 'cache', 'load', 'overhead', 'lookup'];

function count(text) {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(text);
}

function peersNamed(text) {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !PEERS.some((peer) => peer.name === name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`The peers are ${PEERS.map(({ name }) => name).join(', ')}.`);
  return PEERS.filter(({ name }) => names.includes(name));
}

const program = new Command('npm run bench --')
  .addArgument(new Argument('[question...]', 'what to measure').choices([...QUESTIONS, 'all']).default(['all']))
  .option('--model <file>', `a GGUF file, or random weights: ${Object.keys(PRESETS).join(', ')} (default: aica-5b)`)
  .option('--peers [names]', 'measure others too: all that can run here, or those named: a,b', peersNamed)
  .option('--quick', 'a tiny model and few rounds: shows that everything works, and says nothing about speed', false)
  .option('--threads <n>', 'of everyone (default: what the engine chooses)', count)
  .option('--rounds <n>', 'turns of each (default: 5, quick: 2)', count)
  .option('--json <file>', 'write the results there')
  .parse();

/** Those of the peers that can run here; why the others cannot is noted. */
async function preparePeers(work, wanted, questions) {
  const versions = {};
  for (const peer of wanted) {
    if (!questions.some((question) => peer.turns[question])) continue;
    try {
      console.error(`  preparing ${peer.name}`);
      versions[peer.name] = await peer.prepare();
      work.peers.push(peer);
    } catch (error) {
      work.leaveOut(peer.name, error.message);
    }
  }
  return versions;
}

/** A tiny model lies in the caches of the processor: the limits of the machine are nothing to hold it against. */
async function prepareCeilings(work) {
  if (work.quick) return work.leaveOut('limits of the machine', 'not measured in a quick run');
  try {
    await build('bllossom-bench');
    work.ceilings = new Ceilings(work.threads);
  } catch (error) {
    work.leaveOut('limits of the machine', error.message);
  }
}

async function main() {
  const options = program.opts();
  const questions = program.processedArgs[0].includes('all') ? QUESTIONS : [...new Set(program.processedArgs[0])];
  const { Workspace } = await import('./suite/workspace.mjs'); // and the package with it: help does not need it
  const work = await Workspace.open(options);
  const versions = await preparePeers(work, options.peers === true ? PEERS : (options.peers ?? []), questions);
  await prepareCeilings(work);
  const { quick, modelName: model, threads, rounds, missing } = work;
  const date = new Date().toISOString().slice(0, 10);
  const report = {
    machine: describeMachine(),
    versions: describeVersions(versions),
    run: { date, device: 'cpu', model, quick, threads, rounds },
    results: [],
    missing,
  };
  for (const question of questions) {
    const { measure } = await import(`./${question}.mjs`);
    report.results.push(...(await measure(work)));
    if (options.json) writeReport(options.json, report); // after each: a run takes hours, and may be cut off
  }
  console.log(reportSection(report));
}

function writeReport(file, report) {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
