// The choices of one run: the model, the threads, the rounds, and who takes turns.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { exportText, inspectGguf } from '../../dist/index.js';
import { PRESETS } from '../../scripts/random-checkpoint/presets.mjs';
import { interleave } from './measure.mjs';
import { workOf } from './model-work.mjs';
import { OUT, ROOT } from './paths.mjs';
import { run, runForJson } from './program.mjs';

export class Workspace {
  /** What could not be measured, and why. */
  missing = [];
  peers = [];
  ceilings = null;

  /** @param options of the command line */
  static async open({ model, threads, rounds, quick }) {
    const work = new Workspace();
    const name = model ?? (quick ? 'tiny' : 'aica-5b');
    work.quick = quick;
    work.rounds = rounds ?? (quick ? 2 : 5);
    work.isRandom = Object.hasOwn(PRESETS, name);
    work.model = work.isRandom ? await randomModel(name) : path.resolve(name);
    work.modelName = path.basename(work.model, '.gguf');
    work.report = await inspectGguf(work.model);
    if (work.report.memory === undefined)
      throw new Error(`${work.model} is no whole Mllama model; give another --model`);
    work.load = workOf(work.report);
    work.threads = threads ?? null;
    // What the engine takes by itself, everyone else takes too.
    work.threads = (await work.ours('describe')).threads;
    return work;
  }

  /** One turn of ours, in a process of its own: a program of bench/ours. */
  ours(name, options = {}) {
    const given = { model: this.model, threads: this.threads, ...options };
    return runForJson([process.execPath, path.join(ROOT, 'bench', 'ours', `${name}.mjs`), JSON.stringify(given)]);
  }

  /**
   * Turns of ours, of every peer that has a turn for the question, and of what the machine can do at most.
   *
   * @param options what each of them is to do
   * @param limits further contestants
   */
  async turns(question, options, limits = {}) {
    const contestants = { ours: () => this.ours(question, options) };
    for (const peer of this.peers) {
      const turn = peer.turns[question];
      if (turn) contestants[peer.name] = async () => checkValues(await turn(this, options));
    }
    return interleave({ ...contestants, ...limits }, this.rounds, {
      onTurn: (name, round) => console.error(`  ${question}: round ${round + 1} of ${this.rounds}, ${name}`),
      onFailure: (name, { message }) => this.leaveOut(`${name}, ${question}`, message),
    });
  }

  /** Notes what cannot be measured. Of a program that failed, how it ended and the last it said. */
  leaveOut(what, reason) {
    const lines = reason.trim().split('\n');
    const ends = lines.length > 1 ? `${lines[0]} ${lines.at(-1)}` : lines[0];
    this.missing.push({ name: what, reason: ends });
    console.error(`  ${what} is left out: ${reason}`);
  }

  /** The text part of the model as llama.cpp reads it; made anew when the file is another. */
  async textModel() {
    const { size, mtimeMs } = statSync(this.model);
    const state = createHash('sha256').update(`${this.model} ${size} ${mtimeMs}`).digest('hex').slice(0, 8);
    const output = path.join(OUT, 'models', `${this.modelName}.${state}.text.gguf`);
    mkdirSync(path.dirname(output), { recursive: true });
    if (!existsSync(output)) await exportText({ source: this.model, output });
    return output;
  }
}

/** @throws Error when a peer claims what cannot be */
function checkValues(values) {
  const odd = values.find((value) => !(value > 0 && value < Number.POSITIVE_INFINITY));
  if (odd !== undefined) throw new Error(`it reported ${odd}, which is no speed and no time`);
  return values;
}

/** A model of a preset with random weights, in Q4_K_M; made once. */
async function randomModel(preset) {
  const output = path.join(OUT, 'models', `${preset}.Q4_K_M.gguf`);
  if (existsSync(output)) return output;
  mkdirSync(path.dirname(output), { recursive: true });
  console.error(`  making ${output}`);
  await run([process.execPath, path.join(ROOT, 'scripts', 'random-checkpoint.mjs'), output, '--preset', preset]);
  return output;
}
