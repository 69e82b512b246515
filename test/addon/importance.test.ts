import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import { collectImportance, type ImportanceOptions } from '../../lib/importance/collect.js';
import type { ModelManager } from '../../lib/model-manager.js';
import { bllossom, KOREAN, Session, workFolder } from '../support/cli.js';
import { readGgufTensors, toFloats } from '../support/gguf-tensors.js';
import { loadedManager, ROOT, tinyImages, tinyModel } from '../support/model.js';

const TEXT = '중요한 것은 눈에 보이지 않는다.\nWhat is essential is invisible to the eye.\n'.repeat(4);
const CHECKPOINT = join(ROOT, 'test', 'fixtures', 'goldens', 'a', 'checkpoint');
/** Of a text: a self layer sees every token. */
const FIRST = 'blk.0.attn_q.weight';
const VISION = 'v.blk.0.attn_q.weight';

let manager: ModelManager;
let work: string;
let output: string;
beforeAll(async () => {
  manager = await loadedManager();
  work = workFolder('importance');
  mkdirSync(join(work, 'pictures'));
  writeFileSync(join(work, 'corpus.txt'), TEXT);
  writeFileSync(join(work, 'blank.txt'), ' \n\n');
  writeFileSync(join(work, 'bytes.txt'), Buffer.from([0x68, 0xff, 0xfe]));
});
afterAll(() => manager.unloadModel());
beforeEach(() => {
  output = join(work, 'importance.gguf');
  rmSync(output, { force: true });
  rmSync(join(work, 'pictures'), { recursive: true });
  mkdirSync(join(work, 'pictures'));
});

const corpus = () => join(work, 'corpus.txt');
const collect = (options: Partial<ImportanceOptions>) => collectImportance(manager, { output, ...options });

/** A picture in the folder, and an answer beside it. */
function picture(name: string, answer?: string): string {
  const file = join(work, 'pictures', `${name}.png`);
  copyFileSync(tinyImages()[0] as string, file);
  if (answer !== undefined) writeFileSync(join(work, 'pictures', `${name}.txt`), answer);
  return file;
}

async function read(file = output) {
  const { info, bytes } = await readGgufTensors(file);
  return {
    metadata: info.metadata,
    names: info.tensors.map(({ name }) => name),
    rows: async (weight: string) => toFloats(await bytes(`${weight}.counts`))[0],
    sums: async (weight: string) => toFloats(await bytes(`${weight}.in_sum2`)),
  };
}

describe('a collection', () => {
  it('reads texts in chunks, each with a begin-of-text where the model has one', async () => {
    const tokens = manager.requireModel().processor.tokenize(TEXT).length;
    const perChunk = 16 - Number(manager.requireModel().info.addBos);
    const chunks = Math.ceil(tokens / perChunk);
    const report = await collect({ texts: [corpus()], chunk: 16 });
    expect(report).toMatchObject({ output, chunks, images: 0, tokens: tokens + chunks * (16 - perChunk) });
    const file = await read();
    expect(file.metadata).toMatchObject({
      ...{ 'general.type': 'imatrix', 'imatrix.datasets': ['corpus.txt'] },
      ...{ 'imatrix.chunk_count': chunks, 'imatrix.chunk_size': 16 },
    });
    expect(await file.rows(FIRST)).toBe(report.tokens);
    expect(Math.min(...(await file.sums(FIRST)))).toBeGreaterThan(0);
    expect(file.names.some((name) => name.startsWith('v.'))).toBe(false);
  });

  it('stops at the last chunk asked for', async () => {
    expect(await collect({ texts: [corpus(), corpus()], chunk: 16, maxChunks: 2 })).toMatchObject({ chunks: 2 });
    expect(await (await read()).rows(FIRST)).toBe(32);
  });

  it('reads pictures of files and folders, with the answers beside them', async () => {
    const single = picture('one');
    const alone = await collect({ images: [single] });
    const file = await read();
    expect(await file.rows(FIRST)).toBe(alone.tokens);
    const rows = (await file.rows(VISION)) as number;
    expect(rows).toBeGreaterThan(0);
    expect(await file.rows('mm.0.weight')).toBe(rows);

    picture('two', '그림에 대한 답입니다.');
    const both = await collect({ images: [join(work, 'pictures')] });
    expect(both).toMatchObject({ images: 2, chunks: 0 });
    expect(both.tokens).toBeGreaterThan(2 * alone.tokens);
    const again = await read();
    expect(await again.rows(VISION)).toBe(2 * rows);
    expect(again.metadata['imatrix.datasets']).toEqual(['pictures']);
  });

  it('asks what it is told to ask', async () => {
    const images = [picture('one')];
    const short = await collect({ images, prompt: '?' });
    expect((await collect({ images, prompt: '?'.repeat(50) })).tokens).toBeGreaterThan(short.tokens);
  });

  it('adds to an older file, also in its place', async () => {
    await collect({ texts: [corpus()] });
    const once = await (await read()).sums(FIRST);
    await collect({ texts: [corpus()], from: output });
    const file = await read();
    expect(file.metadata['imatrix.chunk_count']).toBe(2);
    const twice = await file.sums(FIRST);
    for (const [i, value] of twice.entries()) expect(value / (once[i] as number)).toBeCloseTo(2, 5);
  });

  it('tells how far it is', async () => {
    const seen: number[] = [];
    const report = await collect({
      ...{ texts: [corpus()], images: [picture('one')], chunk: 64 },
      onProgress: ({ done, total }) => seen.push(done / total),
    });
    expect(seen).toEqual(Array.from({ length: report.chunks + 2 }, (_, i) => i / (report.chunks + 1)));
  });

  it('lets answers through meanwhile', async () => {
    const running = collect({ texts: [corpus()], chunk: 8 });
    expect(await manager.healthCheck()).toBe(true);
    await running;
  });
});

it('convertCheckpoint rounds with it what it knows, and the rest as before', async () => {
  await collect({ texts: [corpus()] });
  const convert = async (name: string, imatrix?: string) => {
    const file = join(work, `${name}.gguf`);
    await convertCheckpoint({ source: CHECKPOINT, output: file, type: 'Q4_0', imatrix });
    return (await readGgufTensors(file)).bytes;
  };
  const [plain, weighted] = [await convert('plain'), await convert('weighted', output)];
  expect(await weighted(FIRST)).not.toEqual(await plain(FIRST));
  expect(await weighted(VISION)).toEqual(await plain(VISION));
  for (const name of ['plain', 'weighted']) rmSync(join(work, `${name}.gguf`));
});

describe('a collection that cannot be made', () => {
  const failing: [string, () => Partial<ImportanceOptions>, string, RegExp][] = [
    ['from nothing', () => ({}), 'ERR_INVALID_OPTION', /nothing to collect from/],
    [
      'from a blank file',
      () => ({ texts: [join(work, 'blank.txt')] }),
      'ERR_INVALID_OPTION',
      /blank\.txt holds no text/,
    ],
    ['from bytes', () => ({ texts: [join(work, 'bytes.txt')] }), 'ERR_INVALID_OPTION', /bytes\.txt is not UTF-8/],
    ['from no file', () => ({ texts: ['none.txt'] }), 'ERR_IO', /none\.txt/],
    ['from a folder of texts', () => ({ texts: [work] }), 'ERR_IO', /importance/],
    ['from no picture', () => ({ images: ['none.png'] }), 'ERR_IO', /none\.png/],
    ['from a text as a picture', () => ({ images: [corpus()] }), 'ERR_IMAGE_DECODE', /corpus\.txt: .*not an image/],
    ['from an empty folder', () => ({ images: [join(work, 'pictures')] }), 'ERR_INVALID_OPTION', /no picture/],
    ['with an empty answer', () => ({ images: [picture('x', ' \n')] }), 'ERR_INVALID_OPTION', /x\.txt, the answer/],
    [
      'from a model file',
      () => ({ texts: [corpus()], from: manager.config.model.path as string }),
      'ERR_MODEL_FORMAT',
      /imatrix/,
    ],
    [
      'in chunks over the context',
      () => ({ texts: [corpus()], chunk: 1 << 20 }),
      'ERR_INVALID_OPTION',
      /context of the/,
    ],
    ['into no folder', () => ({ texts: [corpus()], output: 'nowhere/i.gguf' }), 'ERR_IO', /nowhere/],
    ['into a folder', () => ({ texts: [corpus()], output: work }), 'ERR_IO', /not a file/],
    ['with an unknown option', () => ({ text: [corpus()] }) as object, 'ERR_INVALID_OPTION', /"text"/],
  ];
  it.each(failing)('%s', async (_, options, code, message) => {
    const failure = await collect(options()).catch((error) => error);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(existsSync(output)).toBe(false);
  });

  it('has no beginning without a model', async () => {
    await expect(collectImportance({} as ModelManager, { output })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
    const own = await loadedManager();
    await own.unloadModel();
    await expect(collectImportance(own, { output, texts: [corpus()] })).rejects.toMatchObject({
      code: 'ERR_NOT_LOADED',
    });
  });

  it('is stopped by its signal, by its progress and by the end of the model, and another one can follow', async () => {
    const controller = new AbortController();
    const stopped = collect({
      ...{ texts: [corpus()], chunk: 8, signal: controller.signal },
      onProgress: ({ done }) => done === 2 && controller.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
    const thrown = new Error('no more');
    const throwing = () => {
      throw thrown;
    };
    await expect(collect({ texts: [corpus()], onProgress: throwing })).rejects.toBe(thrown);

    const own = await loadedManager();
    const ended = collectImportance(own, {
      output,
      texts: [corpus()],
      chunk: 8,
      onProgress: () => void own.unloadModel(),
    });
    await expect(ended).rejects.toMatchObject({ code: expect.stringMatching(/ERR_(CLOSED|NOT_LOADED)/) });
    expect(readdirSync(work).filter((name) => name.includes('gguf'))).toEqual([]);
    expect(await collect({ texts: [corpus()] })).toMatchObject({ images: 0 });
  });

  it('is refused while another one runs with the same model', async () => {
    const long = Array.from({ length: 40 }, corpus); // over a thousand chunks: it is still running when the second begins
    let first: Promise<unknown> | undefined;
    await new Promise<void>((started) => {
      first = collect({ texts: long, chunk: 8, onProgress: () => started() });
    });
    await expect(collect({ texts: [corpus()], output: join(work, 'b.gguf') })).rejects.toThrow(/already; wait/);
    expect(await first).toMatchObject({ images: 0 });
    expect(existsSync(join(work, 'b.gguf'))).toBe(false);
  });
});

describe('bllossom imatrix', () => {
  it('writes a file and says what it is made of', async () => {
    picture('one', 'An answer.');
    const args = ['imatrix', await tinyModel(), '--text', corpus(), corpus(), '--images', join(work, 'pictures')];
    const run = await bllossom([...args, '-o', output, '--chunk', '64', '--threads', '1']);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(/importance\.gguf: \d+ chunks of text and 1 pictures, [\d,]+ tokens, [\d.]+ s\n$/);
    expect((await read()).names).toContain(`${VISION}.in_sum2`);

    const refused = await bllossom([...args, '-o', output]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('exists already') });
    const korean = await bllossom([...args, '-o', output, '--from', output, '--max-chunks', '1'], { env: KOREAN });
    expect(korean).toMatchObject({ code: 0, stderr: '' });
    expect(korean.stdout).toMatch(/텍스트 조각 1개, 그림 1장/);
  });

  it('leaves nothing behind at Ctrl-C', async () => {
    writeFileSync(join(work, 'long.txt'), TEXT.repeat(2000));
    const args = ['imatrix', await tinyModel(), '--text', join(work, 'long.txt'), '-o', output, '--chunk', '8'];
    const session = new Session(args);
    setTimeout(() => session.interrupt(), 2500);
    expect(await session.done).toMatchObject({ code: 130, stderr: 'bllossom: interrupted\n' });
    expect(readdirSync(work).filter((name) => name.includes('gguf'))).toEqual([]);
  });
});
