/** Whether a text belongs to a grammar: all readings are followed side by side, character by character. */

import { type Node, parseGbnf, type Rules } from './gbnf.js';

/** What is still to be read: a node, then the rest. Equal ones are one object. */
interface Stack {
  readonly node: Node;
  readonly rest: Stack | undefined;
}

export class Matcher {
  readonly #rules: Rules;

  constructor(grammar: string) {
    this.#rules = parseGbnf(grammar);
  }

  accepts(text: string): boolean {
    return this.firstWrong(text) === undefined;
  }

  /** Where the text leaves the grammar; undefined when it belongs to it. */
  firstWrong(text: string): number | undefined {
    const interned = new Map<Stack | undefined, Map<Node, Stack>>();
    const counted = new Map<Node, Map<number, Node>>();
    const push = (node: Node, rest: Stack | undefined): Stack => {
      const siblings = interned.get(rest) ?? new Map<Node, Stack>();
      interned.set(rest, siblings);
      const stack = siblings.get(node) ?? { node, rest };
      siblings.set(node, stack);
      return stack;
    };
    /** A repetition after one round. */
    const less = (node: Node & { kind: 'repeat' }): Node => {
      if (node.min === 0 && node.max === Number.POSITIVE_INFINITY) return node;
      const { body, min, max } = node;
      const key = Math.max(0, min - 1) * 2_000_003 + (max === Number.POSITIVE_INFINITY ? 2_000_002 : max - 1);
      const siblings = counted.get(body) ?? new Map<number, Node>();
      counted.set(body, siblings);
      const next: Node = siblings.get(key) ?? { kind: 'repeat', body, min: Math.max(0, min - 1), max: max - 1 };
      siblings.set(key, next);
      return next;
    };
    /** The stacks that begin with characters; undefined among them: the text may end. */
    const settle = (starts: Iterable<Stack | undefined>): Set<Stack | undefined> => {
      const seen = new Set<Stack | undefined>(starts);
      const ready = new Set<Stack | undefined>();
      for (const stack of seen) {
        if (!stack || stack.node.kind === 'chars') {
          ready.add(stack);
          continue;
        }
        const { node, rest } = stack;
        if (node.kind === 'rule') seen.add(push(this.#rules.get(node.name) as Node, rest));
        else if (node.kind === 'choice') for (const option of node.options) seen.add(push(option, rest));
        else if (node.kind === 'sequence') {
          seen.add(node.parts.reduceRight<Stack | undefined>((after, part) => push(part, after), rest));
        } else if (node.kind === 'repeat') {
          if (node.min === 0) seen.add(rest);
          if (node.max > 0) seen.add(push(node.body, push(less(node), rest)));
        }
      }
      return ready;
    };
    let stacks = settle([push({ kind: 'rule', name: 'root' }, undefined)]);
    const chars = Array.from(text);
    for (let i = 0; i < chars.length; i++) {
      const code = (chars[i] as string).codePointAt(0) as number;
      const after: (Stack | undefined)[] = [];
      for (const stack of stacks) {
        if (stack?.node.kind !== 'chars') continue;
        if (stack.node.ranges.some(([first, last]) => first <= code && code <= last)) after.push(stack.rest);
      }
      stacks = settle(after);
      if (stacks.size === 0) return i;
    }
    return stacks.has(undefined) ? undefined : chars.length;
  }
}
