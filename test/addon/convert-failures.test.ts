import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ConversionOptions, convertCheckpoint } from '../../lib/convert/convert.js';
import { inMemory, tinyFiles, tinyTensors, writeTinyCheckpoint } from '../support/tiny-checkpoint.js';

let folder: string;
let source: string;
let output: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bllossom-convert-'));
  source = join(folder, 'checkpoint');
  output = join(folder, 'model.gguf');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (options: Partial<ConversionOptions> = {}) =>
  convertCheckpoint({ source, output, type: 'F32', ...options });

test('a file of the checkpoint is never replaced', async () => {
  await writeTinyCheckpoint(source);
  for (const name of await readdir(source)) {
    const before = await readFile(join(source, name));
    await expect(run({ output: join(folder, '.', 'checkpoint', name) })).rejects.toThrow(/a file of the checkpoint/);
    expect(before.equals(await readFile(join(source, name)))).toBe(true);
  }
  await writeFile(join(source, 'old.gguf'), 'an old one');
  await run({ output: join(source, 'old.gguf') });
  expect((await readFile(join(source, 'old.gguf'))).toString('latin1', 0, 4)).toBe('GGUF');
});

describe('a checkpoint is refused when', () => {
  const rename = (from: string, to: string) =>
    new Map([...tinyTensors()].map(([name, tensor]) => [name === from ? to : name, tensor]));
  const lacking = (name: string) => new Map([...tinyTensors()].filter(([other]) => other !== name));
  const reshaped = (name: string, shape: number[]) => {
    const tensors = tinyTensors();
    const values = new Float32Array(shape.reduce((product, n) => product * n, 1));
    return tensors.set(name, { shape, values });
  };
  const Q_PROJ = 'language_model.model.layers.0.self_attn.q_proj.weight';
  const LM_HEAD = 'language_model.lm_head.weight';

  test.each([
    ['a tensor is missing', lacking('vision_model.class_embedding'), /no tensor vision_model\.class_embedding/],
    ['the head is missing but not tied', lacking(LM_HEAD), /no tensor lm_head\.weight/],
    ['a tensor is foreign', rename(Q_PROJ, 'visual.weight'), /visual\.weight, which Mllama does not have/],
    [
      'a tensor is misspelt',
      rename('multi_modal_projector.bias', 'multi_modal_projector.bais'),
      /no tensor multi_modal_projector\.bias/,
    ],
    [
      'a layer is too many',
      reshaped('language_model.model.layers.4.input_layernorm.weight', [64]),
      /1 tensor\(s\) that config\.json has no place for, first .*layers\.4/,
    ],
    [
      'k and v have more rows than the config says',
      reshaped('language_model.model.layers.0.self_attn.k_proj.weight', [64, 64]),
      /shape \[64,64\]; by config\.json it must be \[32,64\]/,
    ],
    ['a head size differs', reshaped('language_model.model.layers.1.cross_attn.q_norm.weight', [32]), /must be \[16\]/],
    ['a dimension is added', reshaped('language_model.model.norm.weight', [1, 64]), /shape \[1,64\]/],
    [
      'the embedding lacks the image token',
      reshaped('language_model.model.embed_tokens.weight', [272, 64]),
      /embed_tokens has 272 rows/,
    ],
    [
      'a cross layer is not where the config says',
      rename(
        'language_model.model.layers.3.cross_attn.q_proj.weight',
        'language_model.model.layers.2.cross_attn.q_proj.weight',
      ),
      /lists the cross-attention layers \[1,3\], but the checkpoint has them at \[1,2\]/,
    ],
  ])('%s, before anything is written', async (_, tensors, message) => {
    await writeTinyCheckpoint(source, { tensors });
    await expect(run()).rejects.toMatchObject({ code: 'ERR_MODEL_FORMAT', message: expect.stringMatching(message) });
    expect(await readdir(folder)).toEqual(['checkpoint']);
  });

  test('a weight is NaN: the tensor is named and nothing stays', async () => {
    const tensors = tinyTensors();
    (tensors.get(Q_PROJ)?.values as Float32Array)[77] = Number.NaN;
    await writeTinyCheckpoint(source, { tensors });
    await expect(run()).rejects.toMatchObject({
      code: 'ERR_MODEL_FORMAT',
      message: expect.stringMatching(/tensor blk\.0\.attn_q\.weight holds NaN/),
    });
    expect(await readdir(folder)).toEqual(['checkpoint']);
  });

  test('its weights are already quantized', async () => {
    const files = tinyFiles();
    const bytes = Buffer.from(files.get('model.safetensors') as Uint8Array);
    const at = bytes.indexOf('"dtype":"F32"');
    bytes.write('"dtype":"I32"', at);
    await expect(run({ source: inMemory(files.set('model.safetensors', bytes)) })).rejects.toMatchObject({
      code: 'ERR_MODEL_UNSUPPORTED',
      message: expect.stringMatching(/has the type I32/),
    });
  });

  test('there is no such folder, or it is a file', async () => {
    await expect(run()).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
    await writeFile(source, '');
    await expect(run()).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
  });
});

describe('an existing output', () => {
  beforeEach(async () => {
    await writeTinyCheckpoint(source);
    await writeFile(output, 'old');
  });
  const untouched = async () => {
    expect(await readFile(output, 'utf8')).toBe('old');
    expect((await readdir(folder)).sort()).toEqual(['checkpoint', 'model.gguf']);
  };

  test('is replaced by a conversion that succeeds', async () => {
    await run();
    expect((await stat(output)).size).toBeGreaterThan(1000);
  });

  test('survives an abort, which rejects with its reason', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const conversion = run({
      signal: abort.signal,
      onProgress: ({ bytesDone }) => {
        if (bytesDone > 100_000) {
          abort.abort(reason);
        }
      },
    });
    await expect(conversion).rejects.toBe(reason);
    await untouched();
  });

  test('survives a signal that was aborted before', async () => {
    await expect(run({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    await untouched();
  });

  test('survives a listener that throws', async () => {
    const onProgress = () => {
      throw new Error('listener');
    };
    await expect(run({ onProgress })).rejects.toThrow('listener');
    await untouched();
  });

  test('survives a source that breaks off, which is closed', async () => {
    const files = inMemory(tinyFiles());
    const { open } = files;
    let reads = 0;
    files.open = async (name) => {
      const file = await open.call(files, name);
      return {
        ...file,
        read: (offset, length) => (++reads > 20 ? Promise.reject(new Error('cut')) : file.read(offset, length)),
      };
    };
    await expect(run({ source: files })).rejects.toThrow('cut');
    expect(files.openFiles).toBe(0);
    await untouched();
  });
});

describe('a bad call is refused:', () => {
  beforeEach(() => writeTinyCheckpoint(source));

  test('an unknown type', async () => {
    await expect(run({ type: 'Q3' as 'F32' })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(/one of "F32", "F16", .*, "Q4_K_M", .* for type but received "Q3"/),
    });
  });

  test.each([
    ['no options', undefined, /source/],
    ['a misspelt option', { source: 'x', output: 'y', tpye: 'F32' }, /Unknown option "tpye"/],
    ['a source that reads nothing', { source: 5, output: 'y' }, /source.*5/],
    ['no output', { source: 'x' }, /output.*undefined/],
    ['a signal that is none', { source: 'x', output: 'y', signal: {} }, /signal/],
  ])('%s', async (_, options, message) => {
    const conversion = convertCheckpoint(options as unknown as ConversionOptions);
    await expect(conversion).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(message),
    });
  });

  test.each([-1, 1.5, Number.NaN, 1e9])('%d threads', async (threads) => {
    await expect(run({ threads })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });

  test('an output that is a folder', async () => {
    await mkdir(output);
    await expect(run()).rejects.toMatchObject({ code: 'ERR_IO', message: expect.stringContaining(output) });
  });

  test('an output in a folder that does not exist', async () => {
    await expect(run({ output: join(folder, 'no', 'model.gguf') })).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringMatching(/No such file or directory/),
    });
  });

  test('an output that another conversion is writing', async () => {
    await writeFile(`${output}.tmp`, '');
    await expect(run()).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringMatching(/it exists; remove it/),
    });
    expect(await readdir(folder)).toContain('model.gguf.tmp');
  });

  test('an output below a file', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(run({ output: join(folder, 'file', 'model.gguf') })).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringMatching(/Not a directory/),
    });
  });
});
