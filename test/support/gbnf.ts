/** Reads a GBNF grammar into trees, strictly, for the sampler and the matcher. */

export type Node =
  | { kind: 'chars'; ranges: [number, number][] }
  | { kind: 'sequence'; parts: Node[] }
  | { kind: 'choice'; options: Node[] }
  | { kind: 'repeat'; body: Node; min: number; max: number }
  | { kind: 'rule'; name: string };

export type Rules = Map<string, Node>;

const LAST = 0x10ffff;

export function parseGbnf(text: string): Rules {
  const rules: Rules = new Map();
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const head = /^([a-zA-Z0-9-]+) ::= /.exec(line);
    if (!head) throw new Error(`no rule: ${line}`);
    if (rules.has(head[1] as string)) throw new Error(`rule ${head[1]} twice`);
    rules.set(head[1] as string, new LineParser(line.slice(head[0].length)).whole());
  }
  const names = [...text.matchAll(/^([a-zA-Z0-9-]+) ::= /gm)];
  if (names.length !== rules.size || !rules.has('root')) throw new Error('no root rule');
  const check = (node: Node): void => {
    if (node.kind === 'rule' && !rules.has(node.name)) throw new Error(`rule ${node.name} is missing`);
    if (node.kind === 'sequence') node.parts.forEach(check);
    if (node.kind === 'choice') node.options.forEach(check);
    if (node.kind === 'repeat') check(node.body);
  };
  for (const node of rules.values()) check(node);
  return rules;
}

class LineParser {
  readonly #chars: string[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#chars = Array.from(text);
  }

  whole(): Node {
    const node = this.#choice();
    if (this.#at !== this.#chars.length) throw new Error(`rest of the line: ${this.#chars.slice(this.#at).join('')}`);
    return node;
  }

  #blank(): void {
    while (this.#chars[this.#at] === ' ') this.#at++;
  }

  #choice(): Node {
    if (++this.#depth > 64) throw new Error('groups deeper than 64');
    const options = [this.#sequence()];
    while (this.#chars[this.#at] === '|') {
      this.#at++;
      options.push(this.#sequence());
    }
    this.#depth--;
    return options.length === 1 ? (options[0] as Node) : { kind: 'choice', options };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    for (this.#blank(); this.#at < this.#chars.length; this.#blank()) {
      if (this.#chars[this.#at] === '|' || this.#chars[this.#at] === ')') break;
      parts.push(this.#repeated(this.#item()));
    }
    if (parts.length === 0) throw new Error('an empty alternative');
    return parts.length === 1 ? (parts[0] as Node) : { kind: 'sequence', parts };
  }

  #item(): Node {
    const char = this.#chars[this.#at++] as string;
    if (char === '"') return this.#literal();
    if (char === '[') return this.#class();
    if (char === '(') {
      const node = this.#choice();
      if (this.#chars[this.#at++] !== ')') throw new Error('an open group');
      return node;
    }
    let name = char;
    while (/[a-zA-Z0-9-]/.test(this.#chars[this.#at] ?? '')) name += this.#chars[this.#at++];
    if (!/^[a-zA-Z0-9-]+$/.test(name)) throw new Error(`unexpected ${name}`);
    return { kind: 'rule', name };
  }

  #repeated(body: Node): Node {
    const rest = this.#chars.slice(this.#at, this.#at + 24).join('');
    const found = /^(?:[*+?]|\{(\d+)(,(\d*))?\})/.exec(rest);
    if (!found) return body;
    this.#at += found[0].length;
    const [sign, min, comma, max] = found;
    const node = (from: number, to: number): Node => ({ kind: 'repeat', body, min: from, max: to });
    if (sign === '*') return node(0, Number.POSITIVE_INFINITY);
    if (sign === '+') return node(1, Number.POSITIVE_INFINITY);
    if (sign === '?') return node(0, 1);
    const to = comma === undefined ? Number(min) : max === '' ? Number.POSITIVE_INFINITY : Number(max);
    if (to < Number(min) || Number(min) > 1_000_000) throw new Error(`wrong counts ${sign}`);
    return node(Number(min), to);
  }

  #literal(): Node {
    const parts: Node[] = [];
    while (this.#chars[this.#at] !== '"') {
      const code = this.#char();
      parts.push({ kind: 'chars', ranges: [[code, code]] });
    }
    this.#at++;
    return parts.length === 1 ? (parts[0] as Node) : { kind: 'sequence', parts };
  }

  #class(): Node {
    const ranges: [number, number][] = [];
    if (this.#chars[this.#at] === '^') throw new Error('negated classes are not written');
    while (this.#chars[this.#at] !== ']') {
      const first = this.#char();
      const isRange = this.#chars[this.#at] === '-';
      if (isRange) this.#at++;
      ranges.push([first, isRange ? this.#char() : first]);
    }
    this.#at++;
    if (ranges.length === 0 || ranges.some(([first, last]) => last < first)) throw new Error('a wrong class');
    return { kind: 'chars', ranges };
  }

  #char(): number {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw new Error('the line ends inside quotes');
    if (char !== '\\') return char.codePointAt(0) as number;
    const kind = this.#chars[this.#at++] as string;
    const plain = { n: 10, r: 13, t: 9, '"': 34, '\\': 92 }[kind];
    if (plain !== undefined) return plain;
    const digits = { x: 2, u: 4, U: 8 }[kind];
    if (digits === undefined) throw new Error(`unknown escape \\${kind}`);
    const code = Number.parseInt(this.#chars.slice(this.#at, this.#at + digits).join(''), 16);
    this.#at += digits;
    if (!(code <= LAST)) throw new Error('no code point');
    return code;
  }
}
