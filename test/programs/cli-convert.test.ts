import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { registerConvert } from '../../lib/cli/commands/convert.js';
import { registerInspect } from '../../lib/cli/commands/inspect.js';
import type { NativeMetadataEntry } from '../../lib/native/binding.js';
import { loadNative } from '../../lib/native/load.js';
import { randomCheckpoint } from '../../scripts/random-checkpoint/checkpoint.mjs';
import { PRESETS } from '../../scripts/random-checkpoint/presets.mjs';
import { writeFolder } from '../../scripts/random-checkpoint/write-folder.mjs';
import { writeImatrix } from '../support/imatrix-file.js';
import { isolateLocale } from '../support/locale.js';
import { writeTinyCheckpoint } from '../support/tiny-checkpoint.js';

isolateLocale();

let folder: string;
let printed: string[];
let warned: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bllossom-cli-'));
  await writeTinyCheckpoint(join(folder, 'tiny'));
  printed = [];
  warned = [];
  vi.spyOn(console, 'log').mockImplementation((line) => void printed.push(String(line)));
  vi.spyOn(console, 'error').mockImplementation((line) => void warned.push(String(line)));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

function run(...args: string[]): Promise<Command> {
  const program = new Command('bllossom').exitOverride().configureOutput({ writeErr: () => {} });
  registerConvert(program);
  registerInspect(program);
  return program.parseAsync(args, { from: 'user' });
}

test('convert writes a file and says what it holds; inspect reads it', async () => {
  const output = join(folder, 'out.gguf');
  await run('convert', join(folder, 'tiny'), output, '--type', 'Q8_0', '--threads', '1');
  expect(printed).toHaveLength(1);
  expect(printed[0]).toMatch(/out\.gguf: 234,347 parameters, .*61 Q8_0/);

  printed.length = 0;
  await run('inspect', output);
  const text = printed.join('\n');
  expect(text).toMatch(/mllama, GGUF 3, tiny/);
  expect(text).toMatch(/Q8_0 +61 tensors/);
  expect(text).toMatch(/self cache, 8,192 tokens +2\.00 MiB/);
  expect(text).toMatch(/tokenizer\.ggml\.tokens = \["Ā", .*, …\] \(273\)/);
});

test('convert --verbose prints a row per tensor', async () => {
  await run('convert', join(folder, 'tiny'), join(folder, 'out.gguf'), '--type', 'Q8_0', '--verbose');
  const [titles, ...rows] = printed;
  expect(titles).toMatch(/^tensor +shape +types +relative error$/);
  expect(rows).toHaveLength(127 + 1); // and the sum
  expect(rows.find((row) => row.startsWith('output_norm.weight'))).toMatch(/ \[64\] +F32 +→ F32 +0\.00e\+0$/);
  expect(rows.find((row) => row.startsWith('blk.0.attn_k.weight'))).toMatch(/ \[64, 32\] +F32 +→ Q8_0 +\d\.\d\de-3$/);
  expect(warned).toEqual([]);
});

test.each([
  [
    'en_US.UTF-8',
    'warning: the importance matrix does not know 23 of the tensors',
    'tensors are stored in three bits or fewer without importance weights, first blk.0.attn_q.weight: --imatrix',
  ],
  [
    'ko_KR.UTF-8',
    '주의: 중요도 행렬을 쓸 수 있는 텐서 가운데 23개(blk.0.attn_k.weight 등)',
    '(blk.0.attn_q.weight 등)를 중요도 없이 3비트 이하로 저장했습니다. --imatrix',
  ],
])('convert warns of tensors without importance weights in %s', async (locale, unknown, low) => {
  process.env.LANG = locale;
  const [output, imatrix] = [join(folder, 'out.gguf'), join(folder, 'importance.gguf')];
  await writeImatrix(imatrix, new Map([['blk.0.attn_q.weight', { sums: Array(64).fill(1), count: 1 }]]));
  await run('convert', join(folder, 'tiny'), output, '--type', 'Q4_0', '--imatrix', imatrix);
  const text = { ...PRESETS.tiny.text, inner: 256, layers: 2, crossLayers: [1] };
  await writeFolder(randomCheckpoint({ ...PRESETS.tiny, text }, 1), join(folder, 'wide'));
  await run('convert', join(folder, 'wide'), output, '--type', 'Q3_K_S', '--force');
  expect(warned).toEqual([expect.stringContaining(unknown), expect.stringContaining(low)]);
});

test('inspect --json prints one object with every tensor', async () => {
  const output = join(folder, 'out.gguf');
  await run('convert', join(folder, 'tiny'), output, '--type', 'F32');
  printed.length = 0;
  await run('inspect', output, '--json');
  const report = JSON.parse(printed.join('\n'));
  expect(report.tensors).toHaveLength(127);
  expect(report.metadata['mllama.vision.gates']).toBe('raw');
});

test('inspect prints no control characters of the file', async () => {
  const output = join(folder, 'out.gguf');
  const metadata: NativeMetadataEntry[] = [
    { key: 'general.architecture', type: 'string', value: 'x\u001b[2J' },
    { key: 'general.name', type: 'string', value: '\u202e' },
    { key: '\u0007', type: 'bool', value: true },
  ];
  await new (loadNative().GgufWriter)(output, metadata, [], { threads: 1 }).finish();
  await run('inspect', output);
  expect(printed.join('\n')).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  expect(printed.join('\n')).toContain('x\ufffd[2J');
});

test('failures are thrown with their code and leave nothing behind', async () => {
  const output = join(folder, 'out.gguf');
  await expect(run('convert', join(folder, 'tiny'), output, '--type', 'Q1')).rejects.toMatchObject({
    code: 'commander.invalidArgument',
  });
  await expect(run('convert', join(folder, 'tiny'), output, '--threads', '1.5')).rejects.toMatchObject({
    code: 'ERR_INVALID_OPTION',
  });
  await expect(run('convert', join(folder, 'no'), output)).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
  await expect(run('inspect', output)).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
  expect(process.listenerCount('SIGINT')).toBe(0);
  expect(await readdir(folder)).toEqual(['tiny']);
});
