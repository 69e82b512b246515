/** The options of a generation: checked, completed from the configuration, and put in the engine's terms. */

import { randomInt } from 'node:crypto';
import {
  checkArray,
  checkBoolean,
  checkInteger,
  checkNumber,
  checkOptions,
  checkString,
  fail,
  type NumberRange,
  readOptions,
} from './check.js';
import type { GenerationSection } from './config-schema.js';
import { InvalidArgumentError } from './errors.js';
import { checkGenerationOptions, Generation, type GenerationControl, type GenerationOptions } from './generation.js';
import type { NativeSampling } from './native/binding.js';
import type { CompiledFormat, ResponseFormat } from './structured/response-format.js';

/** How the next token is chosen, and when to stop. Each missing one is taken from `config.generation`. */
export interface SamplingOptions {
  /** Tokens at most; at least 1. */
  maxTokens?: number | undefined;
  /** 0 (greedy) … 2 */
  temperature?: number | undefined;
  /** false: greedy, whatever the temperature. */
  doSample?: boolean | undefined;
  /** Above 0, up to 1 (off). */
  topP?: number | undefined;
  /** 0: off. */
  topK?: number | undefined;
  /** 0 (off) … 1. Default: 0 */
  minP?: number | undefined;
  /** Above 0; 1: off. Looks back on the whole context, as transformers does. */
  repetitionPenalty?: number | undefined;
  /** Default: 0 (off) */
  frequencyPenalty?: number | undefined;
  /** Default: 0 (off) */
  presencePenalty?: number | undefined;
  /**
   * u32; the same seed and input give the same text. (Beside other requests in one batch sums are rounded differently,
   * which can turn a near tie; `hardware.kvCacheType: "f32"` makes that very unlikely.) Default: random, told in the
   * result. (A text whose prompt was partly reused may come out otherwise when it is repeated with the seed told:
   * `reusePrompt: false` for texts that are to be repeated.)
   */
  seed?: number | undefined;
  /** Texts that end the generation; not part of the response. */
  stop?: string | readonly string[] | undefined;
  /**
   * Added to the logits of tokens, by their ids: -100 … 100, or `-Infinity` for never. Ids are what
   * `manager.processor.tokenize` gives.
   */
  logitBias?: Readonly<Record<number, number>> | undefined;
  /**
   * Log-probabilities in the result: true for those of the tokens that were chosen, a number for those of so many of the
   * likeliest (at most 20) besides. Default: false
   */
  logprobs?: boolean | number | undefined;
  /**
   * Begins with what is already computed of the prompt, by an earlier request or a running one, where both begin alike
   * (`cachedTokens` of the result). Rounding differs from that of a prompt computed at once, see `seed`. Default: true,
   * and false with a `seed`
   */
  reusePrompt?: boolean | undefined;
  /**
   * Prompt lookup: guesses so many tokens at most (0 … 32) from what prompt and answer already say, and computes them in
   * one batch. The answer stays what it is, and one that copies or repeats itself comes faster. (Rounding differs as in
   * any batch, see `seed`.) Default: 0; 15 in the tasks "ocr", "table" and "markdown"
   */
  promptLookup?: number | undefined;
}

export interface GenerateOptions<T = unknown> extends SamplingOptions, GenerationOptions {
  /**
   * What the answer must look like: JSON, JSON by a schema, or a text of a grammar. The answer is complete within
   * `maxTokens`, and the result has it as a value in `parsed`. The schema is not told to the model: say in the prompt
   * what you want. Not together with `stop`. Default: any text
   */
  responseFormat?: ResponseFormat<T> | CompiledFormat<T> | undefined;
  systemMessage?: string | undefined;
  /** Fixes the date that the chat template prints, e.g. "26 Jul 2024". */
  dateString?: string | undefined;
}

/** What a generation was run with. */
export interface GenerationParameters {
  maxTokens: number;
  temperature: number;
  doSample: boolean;
  topP: number;
  topK: number;
  minP: number;
  repetitionPenalty: number;
  frequencyPenalty: number;
  presencePenalty: number;
  seed: number;
  stop: string[];
  logitBias: Record<number, number>;
  logprobs: boolean | number;
  reusePrompt: boolean;
  promptLookup: number;
}

const MAX_U32 = 0xffff_ffff;
const BIAS: NumberRange = { min: -100, max: 100 };
const STOP_LIMITS = { texts: 16, characters: 256 };
const RANGES = {
  temperature: { min: 0, max: 2 },
  topP: { above: 0, max: 1 },
  minP: { min: 0, max: 1 },
  repetitionPenalty: { above: 0, max: 10 },
  frequencyPenalty: { min: -2, max: 2 },
  presencePenalty: { min: -2, max: 2 },
} satisfies Record<string, NumberRange>;

/** Begins a generation with the options of a call, each read once; what is wrong with them makes it reject. */
export function beginGeneration<O extends GenerationOptions, R>(
  options: O | undefined,
  run: (given: Partial<O>, control: GenerationControl) => Promise<R>,
): Generation<R> {
  try {
    const given = readOptions('options', options);
    return new Generation((control) => run(given, control), checkGenerationOptions(given));
  } catch (error) {
    return new Generation(() => Promise.reject(error));
  }
}

/** Names of the options, those of the stream and of the format included. */
export const GENERATE_KEYS: readonly (keyof GenerateOptions)[] = [
  'maxTokens',
  'temperature',
  'doSample',
  'topP',
  'topK',
  'minP',
  'repetitionPenalty',
  'frequencyPenalty',
  'presencePenalty',
  'seed',
  'stop',
  'logitBias',
  'logprobs',
  'reusePrompt',
  'promptLookup',
  'signal',
  'onToken',
  'timeout',
  'systemMessage',
  'dateString',
  'responseFormat',
];

/** What the items of a batch share. */
export const BATCH_KEYS = GENERATE_KEYS.filter((key) => key !== 'onToken');

/**
 * @param known the option names that the call takes
 * @throws InvalidArgumentError naming the option, its value and what is allowed
 */
export function resolveParameters<T>(
  defaults: GenerationSection & Pick<SamplingOptions, 'promptLookup'>,
  options: GenerateOptions<T> | undefined,
  known: readonly string[] = GENERATE_KEYS,
): { parameters: GenerationParameters; given: GenerateOptions<T> } {
  const given: GenerateOptions<T> = checkOptions('options', options, known);
  const number = (key: keyof typeof RANGES, initial: number) => checkNumber(key, given[key] ?? initial, RANGES[key]);
  checkGenerationOptions(given);
  if (given.systemMessage !== undefined) checkString('systemMessage', given.systemMessage);
  if (given.dateString !== undefined) checkString('dateString', given.dateString);
  const temperature = number('temperature', defaults.temperature);
  const parameters: GenerationParameters = {
    maxTokens: checkInteger('maxTokens', given.maxTokens ?? defaults.maxTokens, { min: 1, max: 1_000_000 }),
    temperature,
    doSample: checkBoolean('doSample', given.doSample ?? defaults.doSample) && temperature > 0,
    topP: number('topP', defaults.topP),
    topK: checkInteger('topK', given.topK ?? defaults.topK, { min: 0, max: 1_000_000 }),
    minP: number('minP', 0),
    repetitionPenalty: number('repetitionPenalty', defaults.repetitionPenalty),
    frequencyPenalty: number('frequencyPenalty', 0),
    presencePenalty: number('presencePenalty', 0),
    seed: checkSeed('seed', given.seed ?? randomInt(MAX_U32 + 1)),
    stop: checkStop('stop', given.stop),
    logitBias: checkLogitBias(given.logitBias),
    logprobs: checkLogprobs(given.logprobs),
    reusePrompt: checkBoolean('reusePrompt', given.reusePrompt ?? given.seed === undefined),
    promptLookup: checkInteger('promptLookup', given.promptLookup ?? defaults.promptLookup ?? 0, { min: 0, max: 32 }),
  };
  if (given.responseFormat !== undefined && parameters.stop.length > 0) {
    throw new InvalidArgumentError(
      'The options responseFormat and stop exclude each other: a stop text would cut the answer. Leave one out',
    );
  }
  return { parameters, given };
}

export function checkSeed(name: string, seed: unknown): number {
  return checkInteger(name, seed, { min: 0, max: MAX_U32 });
}

export function checkStop(name: string, stop: unknown): string[] {
  if (stop === undefined) return [];
  const { texts: maxTexts, characters } = STOP_LIMITS;
  const texts: string[] = typeof stop === 'string' ? [stop] : checkArray(name, stop as readonly string[], maxTexts);
  for (const text of texts) {
    if (typeof text !== 'string' || text === '' || text.length > characters) {
      fail(name, `texts of 1 to ${characters} characters`, text);
    }
  }
  return texts;
}

function checkLogitBias(bias: GenerateOptions['logitBias']): Record<number, number> {
  const entries = Object.entries(readOptions('logitBias', bias)).map(
    ([token, value]: [string, unknown]): [number, number] => {
      if (!/^\d{1,9}$/.test(token)) fail('logitBias', 'token ids as keys', token);
      const number = value === Number.NEGATIVE_INFINITY ? value : checkNumber(`logitBias[${token}]`, value, BIAS);
      return [Number(token), number as number];
    },
  );
  return Object.fromEntries(entries);
}

function checkLogprobs(logprobs: GenerateOptions['logprobs']): boolean | number {
  if (logprobs === undefined || typeof logprobs === 'boolean') return logprobs ?? false;
  return checkInteger('logprobs', logprobs, { min: 0, max: 20 });
}

/** What the engine takes for `logprobs`: -1 none, else so many alternatives. */
export function toNativeLogprobs(logprobs: boolean | number): number {
  if (typeof logprobs === 'number') return logprobs;
  return logprobs ? 0 : -1;
}

/** @param contextSize how far the penalties look back */
export function toNativeSampling(parameters: GenerationParameters, contextSize: number): NativeSampling {
  const { temperature, doSample, topK, topP, minP, repetitionPenalty, frequencyPenalty, presencePenalty, seed } =
    parameters;
  const { logitBias } = parameters;
  return {
    temperature: doSample ? temperature : 0,
    topK,
    topP,
    minP,
    repetitionPenalty,
    frequencyPenalty,
    presencePenalty,
    penaltyLastN: contextSize,
    seed,
    logitBias: {
      tokens: Int32Array.from(Object.keys(logitBias), Number),
      values: Float32Array.from(Object.values(logitBias)),
    },
  };
}
