import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { columnsOf, padEnd, table } from '../../lib/cli/columns.js';
import { isKorean } from '../../lib/cli/locale.js';
import { commanderInKorean } from '../../lib/cli/messages/commander-ko.js';
import { EN_COMMENTS, KO_COMMENTS } from '../../lib/cli/messages/config-comments.js';
import { EN, type MessageKey } from '../../lib/cli/messages/en.js';
import { KO_ERRORS } from '../../lib/cli/messages/errors-ko.js';
import { KO } from '../../lib/cli/messages/ko.js';
import { errorLine, message } from '../../lib/cli/messages.js';
import { fieldsOf, SECTION_NAMES } from '../../lib/config-schema.js';
import { ERROR_CODES } from '../../lib/errors.js';
import { isolateLocale } from '../support/locale.js';

isolateLocale();

const HANGUL = /\p{Script=Hangul}/u;
const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

describe('messages', () => {
  it.each(Object.keys(EN) as MessageKey[])('%s says the same in both languages', (key) => {
    expect(EN[key].trim()).not.toBe('');
    expect(KO[key].trim()).not.toBe('');
    expect(EN[key]).not.toMatch(HANGUL);
    expect(placeholders(KO[key])).toEqual(placeholders(EN[key]));
    // What is only values has nothing to translate.
    if (/[a-z]/i.test(EN[key].replace(/\{\w+\}/g, ''))) expect(KO[key]).toMatch(HANGUL);
  });

  it('exist only once', () => {
    expect(Object.keys(KO)).toEqual(Object.keys(EN));
  });

  it('name every error', () => {
    for (const code of ERROR_CODES) expect(KO_ERRORS[code]).toMatch(HANGUL);
  });

  it('explain every key of the configuration', () => {
    for (const section of SECTION_NAMES) {
      for (const [key] of fieldsOf(section)) {
        expect(Reflect.get(EN_COMMENTS[section], key)).toMatch(/\w/);
        expect(Reflect.get(KO_COMMENTS[section], key)).toMatch(HANGUL);
      }
    }
  });

  it('take values, and leave braces that are none', () => {
    expect(message('outputExists', { file: '{why}.txt' })).toBe('{why}.txt exists already: --force replaces it');
    expect(message('outputExists')).toContain('{file}');
  });

  it.each([
    [{ LANG: 'ko_KR.UTF-8' }, true],
    [{ LANG: 'ko' }, true],
    [{ LANG: 'en_US.UTF-8' }, false],
    [{}, false],
    [{ LC_ALL: 'C', LC_MESSAGES: 'ko_KR.UTF-8', LANG: 'ko_KR.UTF-8' }, false],
    [{ LC_ALL: '', LC_MESSAGES: 'ko_KR.UTF-8', LANG: 'C' }, true],
  ])('are in the language of %o: Korean %s', (env, korean) => {
    expect(isKorean(env)).toBe(korean);
  });

  it('put an error on one line', () => {
    expect(errorLine('a\n  b\r\nc ')).toBe('error: a b c');
    process.env.LANG = 'ko_KR.UTF-8';
    expect(errorLine('a', 'ERR_IO')).toBe('오류: 파일을 읽거나 쓸 수 없습니다: a');
  });
});

describe('columns', () => {
  it.each([
    ['abc', 3],
    ['한국어', 6],
    ['日本', 4],
    ['ｆｕｌｌ', 8],
    ['é', 1],
    ['e\u0301', 1],
    ['한'.normalize('NFD'), 2],
    ['🙂', 2],
    ['', 0],
  ])('%o takes %i', (text, columns) => {
    expect(columnsOf(text)).toBe(columns);
  });

  it('are filled, and never cut', () => {
    expect(padEnd('한', 4)).toBe('한  ');
    expect(padEnd('한국어', 4)).toBe('한국어');
    expect(table([['한', 'a']], 4)).toEqual(['한    a']);
  });
});

describe("commander's messages in Korean", () => {
  let said = '';
  beforeEach(() => {
    said = '';
  });
  afterEach(() => {
    expect(said).toMatch(/^error: /);
  });

  function provoke(change: (command: Command) => void, args: string[]): string {
    const output = {
      writeErr: (text: string) => {
        said += text;
      },
    };
    const program = new Command('x').exitOverride().configureOutput(output);
    const child = program.command('child').exitOverride().configureOutput(output);
    child.action(() => {});
    change(child);
    expect(() => program.parse(args, { from: 'user' })).toThrow();
    return commanderInKorean(said.replace(/^error: /, ''));
  }

  const refuse = () => {
    throw new InvalidArgumentError('');
  };
  const cases: [string, (command: Command) => void, string[]][] = [
    ['an unknown option', () => {}, ['child', '--foo']],
    ['an unknown option like one', (c) => c.option('--force'), ['child', '--forse']],
    ['an unknown option like two', (c) => c.option('--fora').option('--forb'), ['child', '--forc']],
    ['an unknown command', () => {}, ['chld']],
    ['a missing argument', (c) => c.argument('<file>'), ['child']],
    ['a missing value', (c) => c.option('--n <n>'), ['child', '--n']],
    ['a missing option', (c) => c.requiredOption('--n <n>'), ['child']],
    ['one argument too many', () => {}, ['child', 'a']],
    ['a wrong choice', (c) => c.addOption(new Option('--n <n>').choices(['1', '2'])), ['child', '--n', '3']],
    ['a wrong value', (c) => c.option('--n <n>', '', refuse), ['child', '--n', 'a\nb']],
    ['a wrong argument', (c) => c.addArgument(new Argument('<n>').choices(['1'])), ['child', '3']],
  ];
  it.each(cases)('%s', (_, change, args) => {
    const korean = provoke(change, args);
    expect(korean).toMatch(HANGUL);
    expect(korean.replace(/'.*?'/gs, '').replace(/\(혹시 .*\)/, '')).not.toMatch(/[a-z]{4,}/i);
  });
});
