import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT, tinyImages, tinyModel } from '../support/model.js';

const CHILD = join(ROOT, 'test', 'support', 'exit-child.mjs');
const DEADLINE_MS = 30_000;

interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
}

let model: string;
beforeAll(async () => {
  model = await tinyModel();
});

function run(phase: string, way: string): Promise<End> {
  return new Promise((resolve, reject) => {
    const image = tinyImages().at(-1) as string;
    const child = spawn(process.execPath, [CHILD, phase, way, model, image], {
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdout.on('data', () => child.kill(way as NodeJS.Signals));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stderr }));
  });
}

describe.each(['load', 'encode', 'keep', 'decode'])('with work under way (%s) a process ends cleanly', (phase) => {
  it('by itself, once the work is aborted', async () => {
    expect(await run(phase, 'natural')).toEqual({ code: 0, signal: null, stderr: '' });
  });

  it('by process.exit', async () => {
    expect(await run(phase, 'exit')).toEqual({ code: 7, signal: null, stderr: '' });
  });

  it('by an error that nobody catches', async () => {
    const end = await run(phase, 'throw');
    expect(end).toMatchObject({ code: 1, signal: null });
    expect(end.stderr).toContain('Error: planned');
    expect(end.stderr).not.toMatch(/terminate called|FATAL|GGML_ASSERT/);
  });

  it.each(['SIGINT', 'SIGTERM'])('by %s', async (signal) => {
    expect(await run(phase, signal)).toEqual({ code: null, signal, stderr: '' });
  });
});
