/**
 * Runs a chat template on a budget. @huggingface/jinja has no way out of the language, but a template can loop, double
 * strings and build huge lists until the process dies of it; a Worker does not help (V8 ends the process). So every
 * evaluated node, every character that a value holds and every level of recursion is counted here, and the few
 * built-ins whose result is not bounded by their operands (range, join, replace, indent, tojson) are checked before
 * they run.
 */

import type { CheckedTemplate } from './check.js';
import { type Callable, Interpreter, type Node, type Scope, type Value } from './jinja.js';

export interface TemplateBudget {
  /** Nodes evaluated, loop rounds included. */
  steps: number;
  /** Levels of evaluation: nesting and macro calls. */
  depth: number;
  /** Characters of one value, written out. */
  size: number;
  /** Characters and (16 each) elements of all values together. */
  volume: number;
}

/** Elements that range() may return. */
export const MAX_RANGE = 10_000;
/** Levels of lists in lists. */
const MAX_NESTING = 64;
const MAX_INDENT = 64;
const STEPS_PER_ROUND = 4;
const STEPS_PER_JUMP = 10;

/** Over the budget. */
export class TemplateBudgetError extends Error {}

/** A value written out: characters, elements, nesting. */
interface Extent {
  characters: number;
  elements: number;
  nesting: number;
}

/** A node that is already evaluated. */
class Held {
  readonly type = 'Held';
  constructor(readonly value: Value) {}
}

interface CallNode extends Node {
  callee: Node & { value?: string };
  args: (Node & { value?: Node; argument?: Node })[];
}

const GUARDED_FILTERS = new Set(['join', 'replace', 'indent', 'tojson']);

export class BudgetedInterpreter extends Interpreter {
  readonly #budget: TemplateBudget;
  readonly #template: CheckedTemplate;
  readonly #extents = new WeakMap<object, Extent>();
  #steps = 0;
  #depth = 0;
  #volume = 0;

  constructor(scope: Scope, template: CheckedTemplate, budget: TemplateBudget) {
    super(scope);
    this.#template = template;
    this.#budget = budget;
  }

  override evaluate(node: Node | undefined, scope: Scope): Value {
    if (node instanceof Held) return node.value;
    if (!node) return super.evaluate(node, scope);
    this.#spend(1);
    if (++this.#depth > this.#budget.depth) this.#over('nesting', this.#budget.depth);
    try {
      const value = this.#dispatch(node, scope);
      this.#charge(value);
      if (this.#template.iterables.has(node)) this.#spend(STEPS_PER_ROUND * lengthOf(value));
      return value;
    } finally {
      this.#depth--;
    }
  }

  #dispatch(node: Node, scope: Scope): Value {
    switch (node.type) {
      case 'Identifier':
        return this.#lookup((node as Node & { value: string }).value, scope);
      case 'FilterExpression': {
        const { operand, filter } = node as Node & { operand: Node; filter: Node };
        return this.#filter(this.evaluate(operand, scope), filter, scope);
      }
      case 'FilterStatement': {
        const { body, filter } = node as Node & { body: Node[]; filter: Node };
        const rendered = super.evaluate({ type: 'Program', body } as Node, scope);
        return this.#filter(rendered, filter, scope);
      }
      case 'MemberExpression':
        return this.#member(node as Node & { object: Node }, scope);
      case 'Macro':
      case 'CallStatement':
        this.#spend(this.#template.weights.get(node) ?? 1);
        return super.evaluate(node, scope);
      case 'Break':
      case 'Continue':
        this.#spend(STEPS_PER_JUMP);
        return super.evaluate(node, scope);
      default:
        return super.evaluate(node, scope);
    }
  }

  /** The library's own look-up throws and catches an error for every unknown name. */
  #lookup(name: string, scope: Scope): Value {
    for (let at: Scope | undefined = scope; at; at = at.parent) {
      const value = at.variables.get(name);
      if (value) return value;
    }
    return super.evaluate(undefined, scope);
  }

  #filter(operand: Value, filter: Node, scope: Scope): Value {
    this.#charge(operand);
    const call = filter as CallNode;
    let guarded: Node = filter;
    if (filter.type === 'CallExpression' && GUARDED_FILTERS.has(call.callee.value ?? '')) {
      const values: Record<string, Value> = {};
      const args = call.args.map((arg, i) => this.#hold(arg, i, values, scope));
      this.#guard(call.callee.value ?? '', operand, values);
      guarded = { type: 'CallExpression', callee: call.callee, args } as Node;
    }
    return super.evaluate({ type: 'FilterExpression', operand: new Held(operand), filter: guarded } as Node, scope);
  }

  /** Evaluates one argument now, notes it under its position or name, and hands it on as evaluated. */
  #hold(arg: CallNode['args'][number], index: number, values: Record<string, Value>, scope: Scope): Node {
    if (arg.type === 'KeywordArgumentExpression') {
      const { key, value } = arg as unknown as { key: { value: string }; value: Node };
      values[key.value] = this.evaluate(value, scope);
      return { type: arg.type, key, value: new Held(values[key.value] as Value) } as Node;
    }
    if (arg.type.endsWith('SpreadExpression'))
      throw new TemplateBudgetError('a spread argument of this filter is not allowed');
    values[index] = this.evaluate(arg, scope);
    return new Held(values[index] as Value) as Node;
  }

  #guard(filter: string, operand: Value, values: Record<string, Value>): void {
    const extent = this.#extent(operand);
    const separator = values['0'] ?? values.separator;
    if (filter === 'join') this.#fits(extent.characters + lengthOf(operand) * lengthOf(separator));
    else if (filter === 'replace') this.#guardReplace(operand, values['0'], values['1']);
    else if (filter === 'indent') this.#fits((extent.characters + 1) * (1 + indentOf(values['0'] ?? values.width)));
    else {
      const written = values.separators ? this.#extent(values.separators).characters : 2;
      const perElement = 8 + written + indentOf(values.indent) * (extent.nesting + 1);
      this.#fits(extent.characters + extent.elements * perElement);
    }
  }

  #guardReplace(text: Value, from: Value | undefined, to: Value | undefined): void {
    const [source, needle] = [text.value, from?.value];
    if (typeof source !== 'string' || typeof needle !== 'string') return;
    const found = needle === '' ? source.length + 1 : source.split(needle).length - 1;
    this.#fits(source.length + found * lengthOf(to));
  }

  #member(node: Node & { object: Node }, scope: Scope): Value {
    const object = this.evaluate(node.object, scope);
    const value = super.evaluate({ ...node, object: new Held(object) } as Node, scope);
    if (value.type !== 'FunctionValue' || object.type !== 'StringValue') return value;
    if (value !== object.builtins.get('replace')) return value;
    const replace = value.value as Callable;
    const FunctionValue = value.constructor as new (call: Callable) => Value;
    return new FunctionValue((args, caller) => {
      this.#guardReplace(object, args[0], args[1]);
      return replace(args, caller);
    });
  }

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > this.#budget.steps) this.#over('evaluation steps', this.#budget.steps);
  }

  #charge(value: Value): void {
    const { characters, elements } = this.#extent(value);
    this.#fits(characters + elements);
    this.#volume += typeof value.value === 'string' ? value.value.length : 16 * lengthOf(value);
    if (this.#volume > this.#budget.volume) this.#over('characters of work', this.#budget.volume);
  }

  #fits(size: number): void {
    if (!(size <= this.#budget.size)) this.#over('characters in one value', this.#budget.size);
  }

  #over(what: string, max: number): never {
    throw new TemplateBudgetError(`it needs more than the ${max} ${what} allowed`);
  }

  /** Lists and objects never change once made, so their extent is kept; namespaces do, and may not be put into others. */
  #extent(value: Value, nesting = 0): Extent {
    if (typeof value.value === 'string') return { characters: value.value.length, elements: 1, nesting: 0 };
    if (!isContainer(value)) return { characters: value.type === 'FunctionValue' ? 1024 : 24, elements: 1, nesting: 0 };
    const known = this.#extents.get(value);
    if (known) return known;
    if (nesting > MAX_NESTING) this.#over('levels of nested lists', MAX_NESTING);
    const extent = { characters: 2, elements: 1, nesting: 1 };
    for (const [key, item] of value.value.entries()) {
      // A list with holes (out-of-range slices) counts its holes as elements.
      const inner = item ? this.#extent(item, nesting + 1) : { characters: 9, elements: 1, nesting: 0 };
      if (item?.type === 'NamespaceValue')
        throw new TemplateBudgetError('a namespace inside another value is not allowed');
      extent.characters += inner.characters + 2 + (typeof key === 'string' ? key.length + 4 : 0);
      extent.elements += inner.elements;
      extent.nesting = Math.max(extent.nesting, inner.nesting + 1);
    }
    if (extent.nesting > MAX_NESTING) this.#over('levels of nested lists', MAX_NESTING);
    if (value.type !== 'NamespaceValue') this.#extents.set(value, extent);
    else this.#spend(lengthOf(value));
    return extent;
  }
}

type Container = Value & { value: { entries(): Iterable<[string | number, Value | undefined]> } };

function isContainer(value: Value): value is Container {
  return Array.isArray(value.value) || value.value instanceof Map;
}

function lengthOf(value: Value | undefined): number {
  const inner: unknown = value?.value;
  if (typeof inner === 'string' || Array.isArray(inner)) return inner.length;
  return inner instanceof Map ? inner.size : 0;
}

function indentOf(value: Value | undefined): number {
  if (value === undefined || value.value === null) return 0;
  if (!Number.isInteger(value.value) || Number(value.value) < 0 || Number(value.value) > MAX_INDENT) {
    throw new TemplateBudgetError(`an indent outside of 0 to ${MAX_INDENT} is not allowed`);
  }
  return Number(value.value);
}
