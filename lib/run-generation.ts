/** Runs one prepared prompt on the engine and measures it. */

import type { GenerationControl } from './generation.js';
import { type GenerationParameters, toNativeLogprobs, toNativeSampling } from './generation-parameters.js';
import type { LoadedModel } from './model-manager.js';
import type { FinishReason, NativeImage, NativeLogprobs, NativePromptPart } from './native/binding.js';
import type { EngineRequest } from './native/engine.js';
import { promptText } from './processor.js';
import type { CompiledFormat } from './structured/response-format.js';

export interface GenerationResult<T = unknown> {
  success: true;
  /** What the model answered. */
  response: string;
  /** The value of the response by `responseFormat`; undefined without it. */
  parsed: T;
  /** The whole text: the prompt as the model saw it, then the response. */
  fullResponse: string;
  /** Seconds in all, preparation included. */
  generationTime: number;
  inputTokens: number;
  /** Of the input tokens, those that an earlier request had computed: they cost nothing. */
  cachedTokens: number;
  outputTokens: number;
  /** Output tokens by `generationTime`. */
  tokensPerSecond: number;
  /** Seconds from the call to the first token. */
  timeToFirstToken: number;
  /** Of the input tokens that were computed. */
  promptTokensPerSecond: number;
  decodeTokensPerSecond: number;
  /** Seconds in the vision tower; 0 when the image was still known. */
  imageEncodeTime: number;
  /** Width and height of each image of the messages, in order. */
  imageSizes: [width: number, height: number][];
  /** "stop": the model or a stop text ended it; "length": `maxTokens` or the context did. */
  finishReason: FinishReason;
  seed: number;
  /** Of each output token; null unless the option `logprobs` asks for them. */
  logprobs: TokenLogprob[] | null;
  parameters: GenerationParameters;
}

/** A natural logarithm of a probability under the model's own distribution, before bias, penalties and temperature. */
export interface LogProbability {
  /** Token id. */
  id: number;
  /** Its text; U+FFFD for part of a character. */
  token: string;
  logprob: number;
}

/** A chosen token. */
export interface TokenLogprob extends LogProbability {
  /** The likeliest tokens in its place, best first, as many as `logprobs` says. */
  top: LogProbability[];
}

export interface Job<T> {
  prompt: NativePromptPart[];
  images: NativeImage[];
  parameters: GenerationParameters;
  format?: CompiledFormat<T> | undefined;
  /** `performance.now()` of the call. */
  start: number;
}

export async function runGeneration<T>(
  model: LoadedModel,
  job: Job<T>,
  control: GenerationControl,
): Promise<GenerationResult<T>> {
  const { prompt, images, parameters, format, start } = job;
  const response: string[] = [];
  let request: EngineRequest | undefined;
  const submitted = performance.now();
  request = model.engine.generate(
    {
      prompt,
      images,
      maxTokens: parameters.maxTokens,
      sampling: toNativeSampling(parameters, model.info.contextSize),
      stop: parameters.stop,
      ignoreEos: false,
      grammar: format?.grammar ?? null,
      logprobs: toNativeLogprobs(parameters.logprobs),
      reusePrompt: parameters.reusePrompt,
      promptLookup: parameters.promptLookup,
      credit: control.connect((pieces) => request?.grant(pieces)),
    },
    {
      signal: control.signal,
      onPiece: (text) => {
        response.push(text);
        control.onPiece(text);
      },
    },
  );
  const { reason, stats, tokens, logprobs } = await request.done;
  const generationTime = (performance.now() - start) / 1000;
  const text = response.join('');
  return {
    success: true,
    response: text,
    parsed: (await format?.parse(text)) as T,
    fullResponse: promptText(prompt) + text,
    generationTime,
    inputTokens: stats.promptTokens,
    cachedTokens: stats.cachedTokens,
    outputTokens: stats.generatedTokens,
    tokensPerSecond: rate(stats.generatedTokens, generationTime),
    timeToFirstToken: (submitted - start) / 1000 + stats.timeToFirstToken,
    promptTokensPerSecond: rate(stats.promptTokens - stats.cachedTokens, stats.promptTime),
    // from the first token to the last, so one token less
    decodeTokensPerSecond: rate(stats.generatedTokens - 1, stats.decodeTime),
    imageEncodeTime: stats.imagesEncoded > 0 ? stats.encodeTime : 0, // which is the time of that phase, empty or not
    imageSizes: [],
    finishReason: reason,
    seed: parameters.seed,
    logprobs: logprobs && readLogprobs(model, tokens, logprobs),
    parameters,
  };
}

function rate(count: number, seconds: number): number {
  return seconds > 0 ? count / seconds : 0;
}

function readLogprobs(
  model: LoadedModel,
  tokens: Int32Array,
  { chosen, topTokens, topValues }: NativeLogprobs,
): TokenLogprob[] {
  const entry = (id: number, logprob: number): LogProbability => ({
    id,
    token: model.engine.detokenize(Int32Array.of(id)),
    logprob,
  });
  const width = topTokens.length / Math.max(tokens.length, 1);
  return Array.from(tokens, (id, i) => {
    const values = topValues.subarray(i * width, (i + 1) * width);
    const top = Array.from(topTokens.subarray(i * width, (i + 1) * width), (other, j) =>
      entry(other, values[j] as number),
    );
    return { ...entry(id, chosen[i] as number), top };
  });
}
