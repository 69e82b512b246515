/** The option `responseFormat`: what an answer must look like, and how it becomes a value. */

import { checkOneOf, fail } from '../check.js';
import { InvalidArgumentError, ModelOutputError } from '../errors.js';
import { jsonGrammar, schemaGrammar } from './schema-grammar.js';
import { inputJsonSchema, isStandardSchema, type StandardSchema, validated } from './standard-schema.js';

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/**
 * `json`: the answer is JSON that is valid under the schema; without one, any object or array. The schema constrains
 * what can be written and nothing else: its titles and descriptions are not told to the model, so say in the prompt
 * what you want.
 *
 * `grammar`: the answer is a text of this GBNF grammar, whose start rule is `root`.
 */
export type ResponseFormat<T = unknown> =
  | { readonly type: 'json'; readonly schema?: JsonSchema | StandardSchema<T> | undefined }
  | { readonly type: 'grammar'; readonly grammar: string };

export interface CompiledFormat<T> {
  /** GBNF, start rule `root`. */
  readonly grammar: string;
  /** The value of a complete answer. @throws ModelOutputError when it does not fit after all */
  parse(text: string): Promise<T>;
}

const KEYS = { json: ['type', 'schema'], grammar: ['type', 'grammar'] } as const;
const MAX_GRAMMAR_BYTES = 1 << 20;

/** @throws InvalidArgumentError naming what is wrong, where, and what to do */
export async function compileResponseFormat<T = unknown>(format: ResponseFormat<T>): Promise<CompiledFormat<T>> {
  checkFormat(format);
  if (format.type === 'grammar') {
    // The text of a grammar's answer is its value; its type is not T's business, so T is string here by the caller.
    return { grammar: format.grammar, parse: async (text) => text as T };
  }
  const { schema } = format;
  if (schema === undefined) return { grammar: jsonGrammar(), parse: async (text) => parseJson(text) as T };
  if (!isStandardSchema(schema)) {
    return { grammar: schemaGrammar(schema), parse: async (text) => parseJson(text) as T };
  }
  const grammar = schemaGrammar(await inputJsonSchema(schema), { countUnits: true });
  return { grammar, parse: (text) => validated(schema, parseJson(text)) };
}

function checkFormat(format: unknown): asserts format is ResponseFormat {
  if (typeof format !== 'object' || format === null || Array.isArray(format))
    fail('responseFormat', 'an object', format);
  const { type, grammar } = format as { type?: unknown; grammar?: unknown };
  const keys: readonly string[] = KEYS[checkOneOf('responseFormat.type', type, ['json', 'grammar'] as const)];
  for (const key of Object.keys(format)) {
    if (!keys.includes(key)) {
      throw new InvalidArgumentError(
        `Unknown option ${JSON.stringify(key)} in responseFormat of type ${type}: known are ${keys.join(', ')}`,
      );
    }
  }
  if (type !== 'grammar') return;
  if (typeof grammar !== 'string' || grammar.trim() === '') fail('responseFormat.grammar', 'a GBNF grammar', grammar);
  if (Buffer.byteLength(grammar) > MAX_GRAMMAR_BYTES) {
    fail('responseFormat.grammar', `a grammar of at most ${MAX_GRAMMAR_BYTES} bytes`, grammar);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ModelOutputError(
      `The answer is not complete JSON (${(cause as Error).message}): ask again with a larger maxTokens`,
      { cause },
    );
  }
}
