import { describe, expect, it } from 'vitest';
import { ChatTemplate } from '../../lib/chat-template.js';
import { BllossomError, InvalidArgumentError, ModelFormatError } from '../../lib/errors.js';
import { patient } from '../support/patience.js';

/** Of computing time, so that a busy machine does not fail the test. */
const LIMIT_MS = patient(500);
const MESSAGES = [
  { role: 'user', content: 'hello world' },
  { role: 'assistant', content: 'hi' },
];

function run(source: string, messages = MESSAGES): string {
  const model = { specialTokens: ['<|x|>'], bosToken: '<|x|>', eosToken: '<|x|>', imageToken: '<|x|>' };
  const parts = new ChatTemplate({ ...model, chatTemplate: source }).render(messages);
  return parts.map((part) => ('special' in part ? part.special : 'text' in part ? part.text : '')).join('');
}

const loop = (n: number, body: string) => `{% for i in range(${n}) %}${body}{% endfor %}`;
const state = (value: string) => `{% set s = namespace(v=${value}) %}`;
const list = `{% set s = namespace(v=['aaaaaaaaaa']) %}${loop(12, '{% set s.v = s.v + s.v %}')}`;

/** Each is refused with ModelFormatError, quickly, and leaves the process alive. */
const refused: Record<string, string> = {
  'range of 1e9': '{{ range(1000000000) }}',
  'range with a tiny step': '{{ range(0, 1, 0) }}',
  'range of infinity': '{{ range(10 ** 300) }}',
  'range with negative steps': '{{ range(1000000000, 0, -1) }}',
  'range by another name': '{% set r = range %}{{ r(99999999) | length }}',
  'nested loops': loop(2999, loop(2999, 'x')),
  'nested loops with empty bodies': loop(2999, loop(2999, '')),
  'nested loops with an else': `{% for i in range(2999) %}${'{% for j in range(2999) if false %}{% else %}{% endfor %}'}{% endfor %}`,
  'loops of continue': loop(2999, loop(2999, '{% continue %}')),
  'string doubled by ~': `${state("'a'")}${loop(60, '{% set s.v = s.v ~ s.v %}')}{{ s.v | length }}`,
  'string doubled by +': `${state("'a'")}${loop(60, '{% set s.v = s.v + s.v %}')}{{ s.v | upper | length }}`,
  'string doubled by a set block': `${state("'a'")}${loop(60, '{% set t %}{{ s.v }}{{ s.v }}{% endset %}{% set s.v = t %}')}{{ s.v }}`,
  'string doubled by a call block': `{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}${'{% call m() %}'.repeat(40)}a${'{% endcall %}'.repeat(40)}`,
  'string multiplied': "{{ 'a' * 1000000000 }}",
  'list doubled': `${state('[1]')}${loop(60, '{% set s.v = s.v + s.v %}')}{{ s.v | length }}`,
  'list of itself': `${state('[1]')}${loop(60, '{% set s.v = [s.v, s.v] %}')}{{ s.v }}`,
  'list of itself as JSON': `${state('[1]')}${loop(60, '{% set s.v = [s.v, s.v] %}')}{{ s.v | tojson }}`,
  'list of itself compared with a string': `${state('[1]')}${loop(60, '{% set s.v = [s.v, s.v] %}')}{{ s.v == 'x' }}`,
  'list nested deeply': `${state('[1]')}${loop(9000, '{% set s.v = [s.v] %}')}{{ s.v | tojson }}`,
  'object of itself': `${state('{}')}${loop(60, "{% set s.v = {'a': s.v, 'b': s.v} %}")}{{ s.v | string }}`,
  'namespace in itself': '{% set s = namespace() %}{% set s.s = s %}{{ s }}',
  'namespace in a list': '{% set s = namespace() %}{% set s.l = [s] %}{{ s.l | tojson }}',
  'huge join': `{% set big = 'x' | indent(1) %}${list}{% set sep %}${'y'.repeat(20000)}{% endset %}{{ s.v | join(sep) | length }}`,
  'replace bomb': `${state("'aaaaaaaaaa'")}${loop(9, "{% set s.v = s.v.replace('a', 'aaaaaaaaaa') %}")}{{ s.v | length }}`,
  'replace bomb by filter': `${state("'aaaaaaaaaa'")}${loop(9, "{% set s.v = s.v | replace('a', 'aaaaaaaaaa') %}")}{{ s.v | length }}`,
  'replace bomb by subscript': `${state("'aaaaaaaaaa'")}${loop(9, "{% set f = s.v['replace'] %}{% set s.v = f('a', 'aaaaaaaaaa') %}")}{{ s.v }}`,
  'replace of nothing': `${state("'aaaaaaaaaa'")}${loop(9, "{% set s.v = s.v.replace('', s.v) %}")}{{ s.v | length }}`,
  'replace in a filter block': `${state("'aaaaaaaaaa'")}${loop(9, "{% set t %}{% filter replace('a', 'aaaaaaaaaa') %}{{ s.v }}{% endfilter %}{% endset %}{% set s.v = t %}")}{{ s.v }}`,
  'huge indent': "{{ 'a\\nb' | indent(500000000) | length }}",
  'huge JSON indent': '{{ [[[[1]]]] | tojson(indent=400000000) | length }}',
  'huge JSON separators': `${list}{% set sep %}${'y'.repeat(20000)}{% endset %}{{ s.v | tojson(separators=(sep, sep)) | length }}`,
  'macro that calls itself': '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
  'two macros that call each other':
    '{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}',
  'macro that branches':
    '{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}',
  'macro declared over and over': loop(2999, `{% macro m() %}${'{{ a.b.c }}'.repeat(4000)}{% endmacro %}`),
  'many copies of a long string': `${state("'abcdefgh'")}${loop(14, '{% set s.v = s.v ~ s.v %}')}${Array.from({ length: 2000 }, (_, i) => `{% set v${i} = s.v | upper %}`).join('')}`,
  'sorting over and over': `${list}${loop(2999, '{% set x = s.v | sort %}')}`,
  'searching over and over': `${list}${loop(2999, '{{ 5 in s.v }}')}`,
  'splitting over and over': `${state("'a,'")}${loop(14, '{% set s.v = s.v ~ s.v %}')}${loop(2999, "{% set x = s.v.split(',') %}")}`,
  'formatting dates over and over': loop(2999, loop(2999, "{{ strftime_now('%B') }}")),
  'unknown names over and over': loop(2999, loop(2999, '{{ nothing }}')),
  'parentheses in the source': `{{ ${'('.repeat(30000)}1${')'.repeat(30000)} }}`,
  'lists in the source': `{{ ${'['.repeat(60000)} }}`,
  'signs in the source': `{{ ${'- '.repeat(30000)}1 }}`,
  'not in the source': `{{ ${'not '.repeat(16000)}1 }}`,
  'calls in the source': `{{ a${'()'.repeat(30000)} }}`,
  'ternaries in the source': `{{ ${'1 if 1 else '.repeat(5000)}1 }}`,
  'ifs in the source': `${'{% if 1 %}'.repeat(3000)}${'{% endif %}'.repeat(3000)}`,
  'elifs in the source': `{% if 0 %}${'{% elif 0 %}'.repeat(4000)}{% endif %}`,
  'a long chain of operators': `{{ ${'1 ~ '.repeat(1000)}1 }}`,
  'white space in the source': `${' '.repeat(60000)}x`,
  'white space with the generation tag': `{%${' '.repeat(500)}${`${' '.repeat(510)}\n{%`.repeat(100)}`,
  'a source of a megabyte': 'x'.repeat(1 << 20),
  'an unfinished tag': '{{ ',
  'an unfinished string': "{{ 'abc",
  'an unfinished loop': '{% for a in b %}',
  'an unfinished list': '{{ [1, 2',
  'an unknown statement': '{% include "/etc/passwd" %}',
  'an unknown filter': "{{ 'a' | system }}",
  'a call of nothing': '{{ nothing() }}',
  'a member of nothing': '{{ nothing.at.all }}{{ none.x.y() }}',
  'a prototype call': "{{ messages.__proto__.constructor('return process')() }}",
  'a constructor call': "{{ ''.constructor.constructor('return process')() }}",
  'a constructor of a function': "{{ range.constructor('return process')() }}",
  'a spread of a filter': "{{ ['a'] | join(*['b']) }}",
};

describe('a hostile template ends in a typed error within half a second', () => {
  it.each(Object.entries(refused))('%s', (_, source) => {
    const start = process.cpuUsage();
    let thrown: unknown;
    try {
      run(source);
    } catch (error) {
      thrown = error;
    }
    const { user, system } = process.cpuUsage(start);
    expect(thrown).toBeInstanceOf(BllossomError);
    expect(thrown).toBeInstanceOf(ModelFormatError);
    expect((thrown as Error).message.length).toBeLessThan(700);
    expect((user + system) / 1000).toBeLessThan(LIMIT_MS);
  });
});

/** Odd, but within the language and the limits. */
const harmless: [string, string, string][] = [
  ['prototype names are plain keys', "{{ messages[0].__proto__ }}{{ messages[0]['constructor'] }}|", '|'],
  ['prototype names can be set', "{% set __proto__ = 'a' %}{{ __proto__ }}", 'a'],
  ['prototype names of a namespace', "{% set s = namespace() %}{% set s.__proto__ = 'a' %}{{ s.__proto__ }}", 'a'],
  ['no globals of the host', '{{ process }}{{ globalThis }}{{ require }}|', '|'],
  ['an ordinary range', '{% for i in range(3) %}{{ i }}{% endfor %}{{ range(5, 0, -2) }}', '012[5, 3, 1]'],
  ['an ordinary replace', "{{ 'a-b-c'.replace('-', '+') }}{{ 'a-b-c' | replace('-', '+', 1) }}", 'a+b+ca+b-c'],
  ['an ordinary join', "{{ ['a', 'b'] | join(', ') }}{{ 'abc' | join('-') }}", 'a, ba-b-c'],
  ['an ordinary indent', "{{ 'a\\nb' | indent(2) }}{{ 'a\\nb' | indent(width=1, first=true) }}", 'a\n  b a\n b'],
  ['an ordinary tojson', "{{ {'a': [1, none]} | tojson(indent=1) }}", '{\n "a": [\n  1,\n  null\n ]\n}'],
  ['an ordinary macro', '{% macro m(a, b=2) %}{{ a + b }}{% endmacro %}{{ m(1) }}{{ m(1, b=5) }}', '36'],
  ['an ordinary call block', '{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}x{% endcall %}', '<x>'],
  ['an ordinary filter block', '{% filter upper %}abc{% endfilter %}', 'ABC'],
  [
    'filters on lists of objects',
    "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | first }}",
    'hello world',
  ],
  [
    'break and continue',
    '{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}',
    '02',
  ],
  [
    'slices and loop variables',
    '{% for m in messages[::-1] %}{{ loop.index0 }}{{ loop.last }}{{ m.role[:1] }}{% endfor %}',
    '0falsea1trueu',
  ],
  [
    'a namespace as a counter',
    '{% set s = namespace(n=0) %}{% for m in messages %}{% set s.n = s.n + 1 %}{% endfor %}{{ s.n }}',
    '2',
  ],
];

describe('what is within the limits is rendered as Jinja says', () => {
  it.each(harmless)('%s', (_, source, expected) => {
    expect(run(source)).toBe(expected);
  });

  it('a refusal of the template is a fault of the call', () => {
    expect(() => run("{{ raise_exception('no') }}")).toThrow(InvalidArgumentError);
  });

  it('a long conversation stays within the budget', () => {
    const messages = Array.from({ length: 1500 }, (_, i) => ({
      role: i % 2 ? 'assistant' : 'user',
      content: `message ${i} <|x|> ${'text '.repeat(100)}`,
    }));
    const source =
      "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('order') }}{% endif %}" +
      "{% if m.role == 'user' %}{{ '[U]' + m.content | trim }}{% elif m.role == 'assistant' %}{{ '[A]' ~ m.content.strip() }}{% endif %}{% endfor %}";
    expect(run(source, messages)).toHaveLength(
      messages.reduce((sum, { content }) => sum + 3 + content.trim().length, 0),
    );
  });

  it('a long document stays within the budget', () => {
    const content = '가나다라 '.repeat(400_000);
    expect(run('{{ messages[0].content | trim }}', [{ role: 'user', content }])).toHaveLength(content.length - 1);
  });
});
