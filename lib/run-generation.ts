/** Runs one prepared prompt on the engine and measures it. */

import type { GenerationControl } from './generation.js';
import { type GenerationParameters, toNativeSampling } from './generation-parameters.js';
import type { LoadedModel } from './model-manager.js';
import type { FinishReason, NativeImage, NativePromptPart } from './native/binding.js';
import type { EngineRequest } from './native/engine.js';
import { promptText } from './processor.js';

export interface GenerationResult {
  success: true;
  /** What the model answered. */
  response: string;
  /** The whole text: the prompt as the model saw it, then the response. */
  fullResponse: string;
  /** Seconds in all, preparation included. */
  generationTime: number;
  inputTokens: number;
  outputTokens: number;
  /** Output tokens by `generationTime`. */
  tokensPerSecond: number;
  /** Seconds from the call to the first token. */
  timeToFirstToken: number;
  promptTokensPerSecond: number;
  decodeTokensPerSecond: number;
  /** Seconds in the vision tower; 0 when the image was still known. */
  imageEncodeTime: number;
  /** Width and height of each image of the messages, in order. */
  imageSizes: [width: number, height: number][];
  /** "stop": the model or a stop text ended it; "length": `maxTokens` or the context did. */
  finishReason: FinishReason;
  seed: number;
  parameters: GenerationParameters;
}

export interface Job {
  prompt: NativePromptPart[];
  images: NativeImage[];
  parameters: GenerationParameters;
  /** `performance.now()` of the call. */
  start: number;
}

export async function runGeneration(
  model: LoadedModel,
  job: Job,
  control: GenerationControl,
): Promise<GenerationResult> {
  const { prompt, images, parameters, start } = job;
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
      grammar: null,
      logprobs: -1,
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
  const { reason, stats } = await request.done;
  const generationTime = (performance.now() - start) / 1000;
  const text = response.join('');
  return {
    success: true,
    response: text,
    fullResponse: promptText(prompt) + text,
    generationTime,
    inputTokens: stats.promptTokens,
    outputTokens: stats.generatedTokens,
    tokensPerSecond: rate(stats.generatedTokens, generationTime),
    timeToFirstToken: (submitted - start) / 1000 + stats.timeToFirstToken,
    promptTokensPerSecond: rate(stats.promptTokens, stats.promptTime),
    // from the first token to the last, so one token less
    decodeTokensPerSecond: rate(stats.generatedTokens - 1, stats.decodeTime),
    imageEncodeTime: stats.encodeTime,
    imageSizes: [],
    finishReason: reason,
    seed: parameters.seed,
    parameters,
  };
}

function rate(count: number, seconds: number): number {
  return seconds > 0 ? count / seconds : 0;
}
