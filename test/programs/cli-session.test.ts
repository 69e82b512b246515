import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bllossom, ENDLESS, GREEDY, KOREAN, workFolder } from '../support/cli.js';
import { tinyImages, tinyModel } from '../support/model.js';

let model: string;
let work: string;
beforeAll(async () => {
  model = await tinyModel();
  work = workFolder('cli-session');
});

const DOCUMENT = 'a long document '.repeat(10);
const json = (text: string) => JSON.parse(text);

describe('--session', () => {
  it('spares the next call what this one has computed', async () => {
    const session = join(work, 'text.session');
    const args = ['text', DOCUMENT, '--model', model, '--session', session, '--json', ...GREEDY];
    const first = json((await bllossom(args)).stdout);
    expect(first.cachedTokens).toBe(0);
    const second = json((await bllossom(args)).stdout);
    expect(second).toMatchObject({ fullResponse: first.fullResponse, cachedTokens: first.inputTokens - 1 });
  });

  it('keeps images', async () => {
    const session = join(work, 'vision.session');
    const image = tinyImages()[0] as string;
    const args = ['vision', image, DOCUMENT, '--model', model, '--session', session, '--json', ...GREEDY];
    const first = json((await bllossom(args)).stdout);
    const second = json((await bllossom(args)).stdout);
    expect(second).toMatchObject({ fullResponse: first.fullResponse, cachedTokens: first.inputTokens - 1 });
  });

  it('keeps a chat, also one that ends with its input', async () => {
    const session = join(work, 'chat.session');
    const chat = ['text', '--interactive', '--model', model, '--session', session, ...GREEDY];
    expect(await bllossom(chat, { input: `${DOCUMENT}\n` })).toMatchObject({ code: 0 });
    const once = await bllossom(['text', DOCUMENT, '--model', model, '--session', session, '--json', ...GREEDY]);
    expect(json(once.stdout)).toMatchObject({ cachedTokens: json(once.stdout).inputTokens - 1 });
  });

  it('of another model is refused with what to do, and stays as it is', async () => {
    const session = join(work, 'other.session');
    await bllossom(['text', DOCUMENT, '--model', model, '--session', session, ...GREEDY]);
    const before = readFileSync(session);
    const other = ['text', 'hi', '--model', ENDLESS, '--session', session, ...GREEDY];
    const run = await bllossom(other);
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(
      /^bllossom: error: .*other\.session: the session is of another model .* Name another file with --session, or delete/,
    );
    expect((await bllossom(other, { env: KOREAN })).stderr).toMatch(/^bllossom: 오류: 세션을 쓸 수 없습니다: .*지우면/);
    expect(readFileSync(session)).toEqual(before);
  });

  it('that is damaged or none is refused', async () => {
    const session = join(work, 'damaged.session');
    writeFileSync(session, 'something else');
    const run = await bllossom(['text', 'hi', '--model', model, '--session', session, ...GREEDY]);
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/not a GGUF file.*Name another file/);
    expect(readFileSync(session, 'utf8')).toBe('something else');
  });

  it('that cannot be written is refused before anything is computed', async () => {
    const session = join(work, 'none', 'x.session');
    const run = await bllossom(['text', 'hi', '--model', 'missing.gguf', '--session', session]);
    expect(run.stderr).toMatch(/There is no folder/);
    const folder = await bllossom(['vision', tinyImages()[0] as string, '--model', 'missing.gguf', '--session', work]);
    expect(folder.stderr).toMatch(/is a folder/);
    expect(existsSync(session)).toBe(false);
  });

  it('is not written by an answer that failed', async () => {
    const session = join(work, 'failed.session');
    const run = await bllossom(['text', DOCUMENT, '--model', model, '--context', '8', '--session', session]);
    expect(run.code).toBe(1);
    expect(existsSync(session)).toBe(false);
  });
});
