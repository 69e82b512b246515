/**
 * Reads the text of a chat template that came with a model file. The text is a stranger's, so its shape is bounded
 * before the parser (which recurses) and the interpreter (which recurses over the tree) see it.
 */

import { ModelFormatError } from '../errors.js';
import { type Node, type Program, parse, type Token, tokenize } from './jinja.js';

/** The known templates stay below a quarter of each. */
export const TEMPLATE_LIMITS = {
  /** UTF-16 units of source. */
  source: 64 * 1024,
  /** Longest run of white space; the lexer's clean-up is quadratic in it. */
  whiteSpace: 512,
  /** Open brackets at one place. */
  brackets: 48,
  /** Open statements (if, elif, for, macro, …) at one place. */
  blocks: 64,
  /** Tokens between one pair of {{ }} or {% %}. */
  tagTokens: 2048,
  /** Depth of the syntax tree. */
  tree: 160,
} as const;

export interface CheckedTemplate {
  program: Program;
  /** Expressions that a `for` iterates over. */
  iterables: WeakSet<object>;
  /** Number of nodes under each macro and call block: what declaring it costs. */
  weights: WeakMap<object, number>;
}

/** @throws ModelFormatError when the text is over a limit or not Jinja */
export function checkTemplate(source: string): CheckedTemplate {
  const { source: maxSource, whiteSpace } = TEMPLATE_LIMITS;
  limit('characters', source.length, maxSource);
  if (new RegExp(`\\s{${whiteSpace + 1}}`).test(source))
    limit('white space characters in a row', whiteSpace + 1, whiteSpace);
  let program: Program;
  try {
    const tokens = tokenize(source, { lstrip_blocks: true, trim_blocks: true });
    checkTokens(tokens);
    program = parse(tokens);
  } catch (error) {
    if (error instanceof ModelFormatError) throw error;
    throw new ModelFormatError(`The model's chat template is not valid Jinja: ${reasonOf(error)}`, { cause: error });
  }
  return { program, ...measureTree(program) };
}

/** The first 300 characters of what was thrown. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.length > 300 ? `${message.slice(0, 300)}…` : message;
}

function limit(what: string, value: number, max: number): void {
  if (value > max) {
    throw new ModelFormatError(
      `The model's chat template has ${value} ${what}, more than the ${max} allowed: give a simpler one with the option chatTemplate`,
    );
  }
}

const OPENING = new Set(['OpenParen', 'OpenSquareBracket', 'OpenCurlyBracket']);
const CLOSING = new Set(['CloseParen', 'CloseSquareBracket', 'CloseCurlyBracket']);
const BLOCKS = new Set(['if', 'for', 'macro', 'call', 'filter', 'set']);

function checkTokens(tokens: readonly Token[]): void {
  let brackets = 0;
  let tagStart = 0;
  const blocks: number[] = [];
  tokens.forEach((token, i) => {
    if (OPENING.has(token.type)) limit('brackets open at one place', ++brackets, TEMPLATE_LIMITS.brackets);
    else if (CLOSING.has(token.type)) brackets = Math.max(0, brackets - 1);
    else if (token.type === 'OpenStatement' || token.type === 'OpenExpression') {
      brackets = 0;
      tagStart = i;
      if (token.type === 'OpenStatement') trackBlock(blocks, tokens, i + 1);
    } else if (token.type === 'Text') tagStart = i;
    limit('tokens in one tag', i - tagStart, TEMPLATE_LIMITS.tagTokens);
  });
}

/** Keeps the stack of open blocks; each entry counts the block and its elifs, which nest in the parser. */
function trackBlock(blocks: number[], tokens: readonly Token[], at: number): void {
  const name = tokens[at]?.value ?? '';
  if (name.startsWith('end')) blocks.pop();
  else if (name === 'elif' && blocks.length > 0) blocks[blocks.length - 1] = (blocks.at(-1) ?? 0) + 1;
  else if (BLOCKS.has(name) && !(name === 'set' && isInlineSet(tokens, at))) blocks.push(1);
  const depth = blocks.reduce((sum, count) => sum + count, 0);
  limit('statements open at one place', depth, TEMPLATE_LIMITS.blocks);
}

function isInlineSet(tokens: readonly Token[], at: number): boolean {
  for (let i = at; i < tokens.length && tokens[i]?.type !== 'CloseStatement'; i++) {
    if (tokens[i]?.type === 'Equals') return true;
  }
  return false;
}

interface TreeNode extends Node {
  iterable?: TreeNode;
  lhs?: TreeNode;
}

function isNode(value: unknown): value is TreeNode {
  return typeof value === 'object' && value !== null && typeof (value as TreeNode).type === 'string';
}

function* childrenOf(node: object): Generator<TreeNode> {
  const pending: unknown[] = Object.values(node);
  for (const value of pending) {
    if (isNode(value)) yield value;
    else if (Array.isArray(value)) pending.push(...value);
    else if (value instanceof Map) for (const pair of value) pending.push(...pair);
  }
}

/** Walks the tree without recursion: checks its depth and notes what the interpreter has to charge for. */
function measureTree(program: Program): Pick<CheckedTemplate, 'iterables' | 'weights'> {
  const iterables = new WeakSet<object>();
  const weights = new WeakMap<object, number>();
  const open: { node: TreeNode; children: Generator<TreeNode>; nodes: number }[] = [];
  const enter = (node: TreeNode) => {
    open.push({ node, children: childrenOf(node), nodes: 1 });
    limit('levels of nested expressions', open.length, TEMPLATE_LIMITS.tree);
    if (node.type !== 'For' || !node.iterable) return;
    iterables.add(node.iterable.type === 'SelectExpression' ? (node.iterable.lhs ?? node.iterable) : node.iterable);
  };
  enter(program);
  for (let top = open.at(-1); top; top = open.at(-1)) {
    const next = top.children.next();
    if (!next.done) {
      enter(next.value);
      continue;
    }
    open.pop();
    if (top.node.type === 'Macro' || top.node.type === 'CallStatement') weights.set(top.node, top.nodes);
    const parent = open.at(-1);
    if (parent) parent.nodes += top.nodes;
  }
  return { iterables, weights };
}
