/**
 * The parts of @huggingface/jinja that are used here, typed: the package's own declarations import each other without
 * file extensions, which TypeScript cannot follow from an ESM package.
 */

import * as jinja from '@huggingface/jinja';

export interface Token {
  type: string;
  value: string;
}

/** A node of the syntax tree. */
export interface Node {
  type: string;
}

export interface Program extends Node {
  body: Node[];
}

/** A value at run time: `type` is the name of its class, `value` what it holds (string, number, list, Map, …). */
export interface Value {
  type: string;
  value: unknown;
  builtins: ReadonlyMap<string, Value>;
}

export type Callable = (args: Value[], scope: Scope) => Value;

export interface Scope {
  variables: Map<string, Value>;
  parent?: Scope;
  /** Converts a JavaScript value and declares it. */
  set(name: string, value: unknown): Value;
}

interface InterpreterFace {
  run(program: Program): Value;
  evaluate(node: Node | undefined, scope: Scope): Value;
}

export const Interpreter = jinja.Interpreter as unknown as new (scope: Scope) => InterpreterFace;
export const Environment = jinja.Environment as unknown as new () => Scope;
export const tokenize = jinja.tokenize as unknown as (
  source: string,
  options: { lstrip_blocks: boolean; trim_blocks: boolean },
) => Token[];
export const parse = jinja.parse as unknown as (tokens: Token[]) => Program;
