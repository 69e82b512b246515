/** Random schemas of what the compiler supports. They can be satisfied: nothing in them contradicts itself. */

type Schema = Record<string, unknown>;

const WORDS = ['name', '이름', 'a', 'b"c', 'kind', 'x-y', 'ab', '값\n'];

export class RandomSchema {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  make(depth = 3): Schema {
    const leaves = [this.#text, this.#pattern, this.#format, this.#integer, this.#number, this.#values, this.#scalar];
    const branches = [this.#object, this.#object, this.#array, this.#tuple, this.#choice, this.#both];
    const kinds = depth === 0 ? leaves : [...leaves, ...branches, ...branches];
    return this.#pick(kinds).call(this, depth - 1);
  }

  #int(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#int(list.length)] as T;
  }

  #maybe<T extends object>(value: T): Partial<T> {
    return this.#random() < 0.5 ? value : {};
  }

  #names(count: number): string[] {
    return [...new Set(Array.from({ length: count }, () => this.#pick(WORDS)))];
  }

  #text(): Schema {
    const minLength = this.#int(4);
    return { type: 'string', ...this.#maybe({ minLength }), ...this.#maybe({ maxLength: minLength + this.#int(6) }) };
  }

  #pattern(): Schema {
    const atoms = ['[a-c]', '가', '\\d', '(?:ab|c)', '[^x]', '.', '"', '\\s', '(?:a[0-9]?)'];
    const signs = ['', '', '?', '*', '+', '{2}', '{1,3}'];
    const count = 1 + this.#int(4);
    const body = Array.from({ length: count }, () => this.#pick(atoms) + this.#pick(signs)).join('');
    const nested = this.#random() < 0.2 ? `(?:${body})+` : body;
    return { type: 'string', pattern: this.#pick(['^', '']) + nested + this.#pick(['$', '']) };
  }

  #format(): Schema {
    return { type: 'string', format: this.#pick(['date', 'time', 'uuid', 'ipv4', 'email', 'date-time', 'hostname']) };
  }

  #integer(): Schema {
    const minimum = this.#int(4000) - 2000;
    const maximum = minimum + 40 + this.#int(this.#pick([2, 30, 100_000]));
    const multipleOf = this.#pick([1, 2, 3, 5, 10, 15]);
    return {
      type: 'integer',
      ...this.#maybe({ minimum }),
      ...this.#maybe({ maximum }),
      ...this.#maybe({ multipleOf }),
    };
  }

  #number(): Schema {
    const low = (this.#random() - 0.5) * 10 ** this.#int(8);
    const high = low + this.#random() * 10 ** this.#int(6) + 0.01;
    const lower = this.#pick(['minimum', 'exclusiveMinimum']);
    return {
      type: 'number',
      ...this.#maybe({ [lower]: low }),
      ...this.#maybe({ [this.#pick(['maximum', 'exclusiveMaximum'])]: high }),
    };
  }

  #values(): Schema {
    const values = [1, 'a', null, true, '한글', 2.5, [1], { a: 1 }, '\u0007', 'b'];
    return { enum: [this.#pick(values), this.#pick(values), this.#pick(values)] };
  }

  #scalar(): Schema {
    return { type: this.#pick(['null', 'boolean', 'string', 'integer', ['string', 'null'], ['integer', 'boolean']]) };
  }

  #object(depth: number): Schema {
    const names = this.#names(this.#int(5));
    return {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, this.make(depth)])),
      required: names.filter(() => this.#random() < 0.5),
      ...this.#maybe({ additionalProperties: this.#pick([true, false, this.make(depth)]) }),
    };
  }

  #array(depth: number): Schema {
    const minItems = this.#int(3);
    const counts = { ...this.#maybe({ minItems }), ...this.#maybe({ maxItems: minItems + this.#int(3) }) };
    return { type: 'array', items: this.make(depth), ...counts };
  }

  #tuple(depth: number): Schema {
    const prefixItems = Array.from({ length: 1 + this.#int(3) }, () => this.make(depth));
    const items = this.#pick([true, false, this.make(depth)]);
    return { type: 'array', prefixItems, ...this.#maybe({ items }), ...this.#maybe({ minItems: this.#int(2) }) };
  }

  #choice(depth: number): Schema {
    return { anyOf: Array.from({ length: 1 + this.#int(3) }, () => this.make(depth)) };
  }

  #both(depth: number): Schema {
    const [a, b] = ['first', 'second'];
    const open = (name: string) => ({ type: 'object', properties: { [name]: this.make(depth) }, required: [name] });
    return { allOf: [open(a as string), open(b as string)], ...this.#maybe({ minProperties: 2 }) };
  }
}
