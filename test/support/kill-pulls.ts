/** Pulls models in child processes that are killed at random moments, until each is complete. */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HubServer } from './hub-server.js';

const CHILD = fileURLToPath(new URL('pull-child.mjs', import.meta.url));

export interface KilledPull {
  kills: number;
  /** Kills after which the model was complete already. */
  late: number;
  /** Bytes that the hub sent more than once, per kill, as a share of the whole. */
  again: number;
}

export interface KillOptions {
  /** URL of the compiled library. */
  library: string;
  type: string;
  file?: string | undefined;
  /** SHA-256 of the right result. */
  expected: string;
  /** 0 … 1 */
  random: () => number;
  /** Kills at most; then the pull is left to end. */
  most: number;
}

/**
 * Pulls one model. Kills come when the hub has sent some number of bytes, after some time, or in the last steps, so that
 * every stage is hit, those without traffic too.
 *
 * @throws when a file under the final name is not the right one, or the last pull fails
 */
export async function pullWithKills(hub: HubServer, options: KillOptions): Promise<KilledPull> {
  const { library, type, file = '', expected, random, most } = options;
  const folder = mkdtempSync(join(tmpdir(), 'bllossom-kill-'));
  const target = join(folder, `test--model.${type}.gguf`);
  const total = bytesOf(hub, file);
  const before = hub.served;
  let [kills, late] = [0, 0];
  try {
    while (kills < most) {
      const child = start([library, folder, type, file], hub.endpoint);
      const stop = killSometime(child, {
        hub,
        total,
        random,
        whole: join(folder, '.downloads', `test--model.${type}`, 'model.gguf'),
      });
      const code = await child.ended;
      stop();
      checkTarget(target, expected);
      if (code === 0) break;
      if (code !== null) throw new Error(`the pull failed: ${child.output()}`);
      kills++;
      if (existsSync(target)) late++;
    }
    const last = start([library, folder, type, file], hub.endpoint);
    if ((await last.ended) !== 0) throw new Error(`the last pull failed: ${last.output()}`);
    checkTarget(target, expected);
    if (!existsSync(target) || !existsSync(`${target}.json`)) throw new Error('the model or its record is missing');
    const left = readdirSync(join(folder, '.downloads')).filter((name) => !name.includes('.lock.'));
    if (left.length > 0) throw new Error(`${left} was left`);
    return { kills, late, again: (hub.served - before - total) / total / Math.max(1, kills) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function bytesOf(hub: HubServer, file: string): number {
  const files = Object.entries(hub.commits.get(hub.revisions.get('main') ?? '') ?? {});
  return files.filter(([path]) => file === '' || path === file).reduce((sum, [, { length }]) => sum + length, 0);
}

function checkTarget(target: string, expected: string): void {
  if (!existsSync(target)) return;
  const sha256 = createHash('sha256').update(readFileSync(target)).digest('hex');
  if (sha256 !== expected) throw new Error(`${target} has the SHA-256 ${sha256}; it must be ${expected}`);
}

type Child = ReturnType<typeof start>;

function start(args: string[], endpoint: string) {
  const env = { PATH: process.env.PATH, HOME: '/nowhere', HF_ENDPOINT: endpoint };
  const child = spawn(process.execPath, [CHILD, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { kill: () => child.kill('SIGKILL'), ended, output: () => output };
}

interface Moment {
  hub: HubServer;
  /** Bytes of the whole download. */
  total: number;
  random: () => number;
  /** The file that is there in the last steps. */
  whole: string;
}

/** Kills the child once it has come to some point. Returns what gives that up. */
function killSometime(child: Child, { hub, total, random, whole }: Moment): () => void {
  const kind = random();
  const begin = Date.now();
  const bytes = hub.served + 0.6 * total * random();
  const milliseconds = (kind < 0.7 ? 1500 : 40) * random();
  if (kind < 0.5) hub.onServed = () => void (hub.served >= bytes && child.kill());
  const isDue = () => (kind < 0.7 ? Date.now() - begin > milliseconds : existsSync(whole));
  const timer = kind < 0.5 ? undefined : setInterval(() => isDue() && setTimeout(child.kill, milliseconds), 1);
  return () => {
    hub.onServed = undefined;
    clearInterval(timer);
  };
}
