/** Draws random texts of a grammar. Every one comes to an end: past a depth it takes the shortest way out. */

import { type Node, parseGbnf, type Rules } from './gbnf.js';

/** A seeded generator of numbers from 0 to 1. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

export class Sampler {
  readonly #rules: Rules;
  readonly #heights: Map<string, number>;
  readonly #random: () => number;
  #size = 0;

  constructor(grammar: string, seed: number) {
    this.#rules = parseGbnf(grammar);
    this.#random = randomNumbers(seed);
    this.#heights = ruleHeights(this.#rules);
  }

  /** One text; a longer one the larger `size` is. */
  draw(size = 120): string {
    const out: number[] = [];
    this.#size = size;
    this.#write({ kind: 'rule', name: 'root' }, out);
    // In slices: the call has a limit of arguments.
    let text = '';
    for (let i = 0; i < out.length; i += 1000) text += String.fromCodePoint(...out.slice(i, i + 1000));
    return text;
  }

  #int(count: number): number {
    return Math.floor(this.#random() * count);
  }

  /** Iterative, as an automaton's rules follow one another as often as the text is long. */
  #write(start: Node, out: number[]): void {
    const open: { node: Node; depth: number }[] = [{ node: start, depth: 0 }];
    for (let next = open.pop(); next; next = open.pop()) {
      const { node, depth } = next;
      const isLong = out.length > this.#size || depth > 60;
      if (node.kind === 'chars') out.push(this.#char(node.ranges));
      else if (node.kind === 'rule') open.push({ node: this.#rules.get(node.name) as Node, depth: depth + 1 });
      else if (node.kind === 'sequence') open.push(...node.parts.map((part) => ({ node: part, depth })).reverse());
      else if (node.kind === 'choice') {
        const heights = node.options.map((option) => height(option, this.#heights));
        const option = isLong ? heights.indexOf(Math.min(...heights)) : this.#int(node.options.length);
        open.push({ node: node.options[option] as Node, depth });
      } else {
        const more = isLong ? 0 : Math.min(node.max - node.min, this.#random() < 0.3 ? 0 : this.#int(8));
        const atMost = !isLong && this.#random() < 0.1 && node.max < 40 ? node.max : node.min + more;
        for (let i = 0; i < atMost; i++) open.push({ node: node.body, depth });
      }
    }
  }

  #char(ranges: [number, number][]): number {
    const [first, last] = ranges[this.#int(ranges.length)] as [number, number];
    const kind = this.#random();
    if (kind < 0.1) return first;
    if (kind < 0.2) return last;
    return first + this.#int(Math.min(last - first + 1, kind < 0.6 ? 100 : Number.POSITIVE_INFINITY));
  }
}

/** Rules inside one another that the shortest text of a node needs. */
function height(node: Node, known: ReadonlyMap<string, number>): number {
  if (node.kind === 'chars') return 0;
  if (node.kind === 'rule') return 1 + (known.get(node.name) ?? Number.POSITIVE_INFINITY);
  if (node.kind === 'sequence') return Math.max(0, ...node.parts.map((part) => height(part, known)));
  if (node.kind === 'choice') return Math.min(...node.options.map((option) => height(option, known)));
  return node.min === 0 ? 0 : height(node.body, known);
}

function ruleHeights(rules: Rules): Map<string, number> {
  const known = new Map<string, number>();
  for (let changed = true; changed; ) {
    changed = false;
    for (const [name, node] of [...rules].reverse()) {
      const next = height(node, known);
      if (next < (known.get(name) ?? Number.POSITIVE_INFINITY)) {
        known.set(name, next);
        changed = true;
      }
    }
  }
  const endless = [...rules.keys()].filter((name) => !known.has(name));
  if (endless.length > 0) throw new Error(`rules without an end: ${endless.join(', ')}`);
  return known;
}
