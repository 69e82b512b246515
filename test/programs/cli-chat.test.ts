import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bllossom, ENDLESS, GREEDY, KOREAN, PICTURE, Session, workFolder } from '../support/cli.js';

const CHAT = ['text', '--interactive', '--model', ENDLESS];

let work: string;
beforeAll(() => {
  work = workFolder('cli-chat');
});

const chat = (lines: string[], args = GREEDY, env = {}) =>
  bllossom([...CHAT, ...args], { input: lines.map((line) => `${line}\n`).join(''), env });

describe('bllossom text --interactive', () => {
  it('answers line by line and remembers what was said', async () => {
    const run = await chat(['안녕', '', 'and now?']);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const [first, second] = run.stdout.split('\n');
    const alone = await bllossom(['text', '안녕', '--model', ENDLESS, ...GREEDY]);
    expect(`${first}\n`).toBe(alone.stdout);
    const json = await chat(['안녕', 'and now?'], [...GREEDY, '--json']);
    const results = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(results[1]).toMatchObject({ success: true, response: second });
    expect(results[1].fullResponse).toMatch(/안녕.*and now\?/s);
  });

  it('begins with the prompt of the call', async () => {
    const run = await bllossom([...CHAT, '안녕', ...GREEDY], { input: 'and now?\n' });
    expect(run).toMatchObject({ code: 0, stderr: '', stdout: (await chat(['안녕', 'and now?'])).stdout });
  });

  it('sends an image with the next message alone', async () => {
    const run = await chat([`/image ${PICTURE}`, 'What?', 'And?', '/stats'], [...GREEDY, '--json']);
    expect(run.code).toBe(0);
    const results = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(results[0].imageSizes).toEqual([[640, 480]]);
    expect(results[1].fullResponse.match(/<\|image\|>/g)).toHaveLength(1);
    expect(run.stderr).toMatch(/picture\.png goes with the next message\n/);
    const read = results[0].inputTokens + results[1].inputTokens;
    expect(run.stderr).toMatch(/^messages +4 \(2 of yours, 2 answers\)$/m);
    expect(run.stderr).toMatch(new RegExp(`^tokens +${read} read, 24 written$`, 'm'));
  });

  it('saves, forgets, and takes a system message', async () => {
    const file = join(work, 'saved.json');
    const run = await chat(
      ['/system 짧게 답해', 'hello', `/save ${file}`, '/clear', '/stats', '/system', 'x'],
      [...GREEDY, '--json'],
    );
    expect(run.code).toBe(0);
    const saved = JSON.parse(readFileSync(file, 'utf8'));
    expect(saved).toMatchObject({ systemMessage: '짧게 답해', messages: [{ role: 'user', content: 'hello' }, {}] });
    expect(run.stderr).toMatch(/^messages +0 /m);
    const [first, second] = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).fullResponse);
    expect(first).toContain('짧게 답해');
    expect(second).not.toMatch(/짧게|hello/);
  });

  it('lists its commands, refuses others, and goes on', async () => {
    const run = await chat(['/help', '/foo', '/toString', '/image', '/image none.png', '/save a.exe', 'hello']);
    expect(run.code).toBe(1);
    for (const name of ['help', 'clear', 'save', 'stats', 'image', 'system', 'quit']) {
      expect(run.stderr).toMatch(new RegExp(`^/${name}\\b`, 'm'));
    }
    const errors = run.stderr.split('\n').filter((line) => line.startsWith('bllossom: error: '));
    const wanted = [/\/foo/, /\/toString/, /Usage: \/image/, /none\.png/, /a\.exe/];
    expect(errors).toHaveLength(wanted.length);
    for (const [i, pattern] of wanted.entries()) expect(errors[i]).toMatch(pattern);
    expect(run.stdout).toMatch(/^[^\n]+\n$/);
  });

  it('leaves at /quit what follows', async () => {
    expect(await chat(['/quit', 'hello'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('speaks Korean where the locale does', async () => {
    const run = await chat(['/help', '/없음', '/stats'], GREEDY, KOREAN);
    expect(run.stderr).toMatch(/^\/image <파일 또는 URL> +다음 메시지에/m);
    expect(run.stderr).toContain('알 수 없는 명령 /없음');
    expect(run.stderr).toMatch(/^메시지 +0/m);
  });

  it('says nothing when its reader leaves', async () => {
    const input = 'hello\n'.repeat(50);
    const run = await bllossom([...CHAT, '-n', '200'], { input, onOutput: (child) => child.stdout.destroy() });
    expect(run).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('Ctrl-C in a chat', () => {
  it('stops the answer alone, which is not kept', async () => {
    const session = new Session([...CHAT, '-t', '0', '-n', '4000', '--verbose']);
    session.send('hello');
    await session.seen('stdout', /\S/);
    session.interrupt();
    await session.seen('stderr', /^\(stopped; this answer is not kept\)\n/);
    session.send('/stats');
    await session.seen('stderr', /^messages +0 [\s\S]*average/);
    session.send('/quit');
    expect(await session.done).toMatchObject({ code: 0 });
  });

  it('keeps an image for the message that is sent again', async () => {
    const file = join(work, 'again.json');
    const session = new Session([...CHAT, '-t', '0', '-n', '4000', '--verbose']);
    session.send(`/image ${PICTURE}`);
    session.send('hello');
    await session.seen('stdout', /\S/);
    session.interrupt();
    await session.seen('stderr', /stopped/);
    session.send('again');
    await session.seen('stderr', /^decode/m);
    session.send(`/save ${file}`);
    expect(await session.end()).toMatchObject({ code: 0 });
    const [{ content }, answer, ...more] = JSON.parse(readFileSync(file, 'utf8')).messages;
    expect(content).toMatchObject([{ type: 'image' }, { type: 'text', text: 'again' }]);
    expect(answer).toMatchObject({ role: 'assistant' });
    expect(more).toEqual([]);
  });

  it('warns at the prompt, and ends the second time', async () => {
    const session = new Session([...CHAT, ...GREEDY]);
    session.send('/system x');
    await session.seen('stderr', /set/);
    session.interrupt();
    await session.seen('stderr', /^\(Ctrl-C again, or \/quit, to end\)\n$/);
    session.send('/system y');
    await session.seen('stderr', /set/);
    session.interrupt();
    await session.seen('stderr', /Ctrl-C again/);
    session.interrupt();
    expect(await session.done).toMatchObject({ code: 130 });
  });

  it('SIGTERM ends it at once', async () => {
    const session = new Session([...CHAT, '-t', '0', '-n', '4000']);
    session.send('hello');
    await session.seen('stdout', /\S/);
    session.child.kill('SIGTERM');
    const run = await session.done;
    expect(run).toMatchObject({ code: 130 });
    expect(run.stderr).toBe('bllossom: interrupted\n');
  });
});
