import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Terminal } from '../../lib/cli/chat/terminal.js';
import { confirm } from '../../lib/cli/confirm.js';

/** What a person at a terminal types and sees. */
class Person {
  readonly input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
  readonly output: Writable & { isTTY: boolean; columns: number };
  seen = '';

  constructor(columns = 80) {
    const write = (chunk: Buffer, _: unknown, done: () => void) => {
      this.seen += chunk.toString();
      done();
    };
    this.output = Object.assign(new Writable({ write }), { isTTY: true, columns });
  }

  async types(keys: string | Uint8Array): Promise<void> {
    this.input.write(keys);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** What came since the last look. */
  look(): string {
    const { seen } = this;
    this.seen = '';
    return seen;
  }
}

const CTRL_C = '\u0003';
const BACKSPACE = '\u007f';
const UP = '\u001b[A';

let person: Person;
let terminal: Terminal;
let interruptions: string[];
let lines: AsyncGenerator<string>;
beforeEach(() => {
  person = new Person();
  interruptions = [];
  terminal = new Terminal(person, (name) => interruptions.push(name));
  lines = terminal.lines();
});
afterEach(() => terminal.close());

describe('a terminal', () => {
  it('edits Korean by whole syllables, each two columns wide', async () => {
    const line = lines.next();
    await person.types('안녕하');
    person.look();
    await person.types(BACKSPACE);
    expect(person.look()).toContain('> 안녕\u001b[7G'); // the prompt and two syllables, then column 7
    await person.types('\r');
    expect((await line).value).toBe('안녕');
  });

  it('takes a syllable whose bytes come in two pieces', async () => {
    const line = lines.next();
    const bytes = Buffer.from('한글\r');
    await person.types(bytes.subarray(0, 4));
    await person.types(bytes.subarray(4));
    expect((await line).value).toBe('한글');
  });

  it('brings earlier lines back', async () => {
    let line = lines.next();
    await person.types('첫 번째\r');
    await line;
    line = lines.next();
    await person.types(`${UP}\r`);
    expect((await line).value).toBe('첫 번째');
  });

  it('does not show what is typed while an answer comes, but keeps it', async () => {
    const first = lines.next();
    await person.types('one\r');
    await first;
    person.look();
    await person.types('two');
    expect(person.look()).toBe('');
    const second = lines.next();
    await person.types('');
    expect(person.look()).toContain('> two');
    await person.types('\r');
    expect((await second).value).toBe('two');
  });

  it('tells of Ctrl-C, and forgets the line when asked anew', async () => {
    const line = lines.next();
    await person.types(`half a line${CTRL_C}`);
    expect(interruptions).toEqual(['SIGINT']);
    terminal.askAnew('again?');
    expect(person.look()).toMatch(/\nagain\?\n/);
    await person.types('whole\r');
    expect((await line).value).toBe('whole');
  });

  it('ends with Ctrl-D, and when it is closed', async () => {
    const line = lines.next();
    await person.types('\u0004');
    expect(await line).toMatchObject({ done: true });
    const other = new Person();
    const closed = new Terminal(other, () => {});
    const ended = closed.lines().next();
    closed.close();
    closed.close();
    expect(await ended).toMatchObject({ done: true });
  });
});

describe('a question', () => {
  const { signal } = new AbortController();

  it.each([
    ['y\r', true],
    ['YES\r', true],
    [' 네 \r', true],
    ['\r', false],
    ['n\r', false],
    ['yess\r', false],
    ['\u0004', false], // Ctrl-D
  ])('answered with %j is %s', async (keys, answer) => {
    terminal.close();
    person.look();
    const asked = confirm('Remove this?', signal, person);
    expect(person.look()).toContain('Remove this? [y/N] ');
    await person.types(keys);
    expect(await asked).toBe(answer);
  });

  it('ends with its signal', async () => {
    const controller = new AbortController();
    const asked = confirm('Remove this?', controller.signal, person);
    controller.abort();
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('is not asked where nobody sits', async () => {
    const streams = { input: new PassThrough(), output: person.output };
    await expect(confirm('Remove this?', signal, streams)).rejects.toThrow(/--yes/);
  });
});
