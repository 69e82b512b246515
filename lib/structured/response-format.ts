/** The option `responseFormat`: what an answer must look like, and how it becomes a value. */

import { checkFunction, checkOneOf, checkText, fail, isInstance, readOptions } from '../check.js';
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

/** A format that was compiled before; give it as `responseFormat` wherever the same one is asked for many times. */
export class CompiledFormat<T = unknown> {
  readonly #parse: (text: string) => T | Promise<T>;

  constructor(
    /** GBNF, start rule `root`. */
    readonly grammar: string,
    parse: (text: string) => T | Promise<T>,
  ) {
    checkText('grammar', grammar);
    this.#parse = checkFunction('parse', parse);
  }

  /** The value of a complete answer. @throws ModelOutputError when it does not fit after all */
  async parse(text: string): Promise<T> {
    return this.#parse(text);
  }
}

const KEYS = { json: ['type', 'schema'], grammar: ['type', 'grammar'] } as const;
const MAX_GRAMMAR_BYTES = 1 << 20;

/**
 * Compiles a format once. The type of what a grammar, or JSON by a plain schema, gives is for the caller to name.
 *
 * @throws InvalidArgumentError naming what is wrong, where, and what to do
 */
export async function compileResponseFormat<T = unknown>(
  format: ResponseFormat<T> | CompiledFormat<T>,
): Promise<CompiledFormat<T>> {
  if (isInstance<CompiledFormat<T>>(format, CompiledFormat)) return format;
  if (format === undefined) fail('responseFormat', 'an object', format);
  const given: unknown = readOptions('responseFormat', format);
  checkFormat<T>(given);
  if (given.type === 'grammar') return new CompiledFormat(given.grammar, (text) => text as T);
  const { schema } = given;
  if (schema === undefined) return new CompiledFormat(jsonGrammar(), (text) => parseJson(text) as T);
  if (!isStandardSchema<T>(schema)) return new CompiledFormat(schemaGrammar(schema), (text) => parseJson(text) as T);
  const grammar = schemaGrammar(await inputJsonSchema(schema), { countUnits: true });
  return new CompiledFormat(grammar, (text) => validated(schema, parseJson(text)));
}

function checkFormat<T>(format: unknown): asserts format is ResponseFormat<T> {
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
