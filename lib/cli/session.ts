/** What the generating commands share: their options, the model they load, how they are stopped and what they print. */

import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError as InvalidCliArgument, Option } from 'commander';
import { resolveParameters } from '../generation-parameters.js';
import {
  CancelledError,
  Config,
  type GenerateOptions,
  type Generation,
  type GenerationResult,
  ModelManager,
} from '../index.js';
import { message } from './messages.js';
import { printStream, printTimings, progressBar } from './print.js';

export interface SessionOptions {
  model?: string;
  config?: string;
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  system?: string;
  seed?: number;
  stop?: string[];
  device?: string;
  threads?: number;
  context?: number;
  json?: boolean;
  verbose?: boolean;
}

export function number(text: string): number {
  if (text.trim() === '' || !Number.isFinite(Number(text))) throw new InvalidCliArgument('Not a number.');
  return Number(text);
}

/** Adds the options to a command. */
export function withSessionOptions(command: Command): Command {
  return command
    .addOption(new Option('-m, --model <file>', message('model')).env('BLLOSSOM_MODEL'))
    .option('-c, --config <file>', message('config'))
    .option('-n, --max-tokens <n>', message('maxTokens'), number)
    .option('-t, --temperature <n>', message('temperature'), number)
    .option('--top-p <n>', message('topP'), number)
    .option('--top-k <n>', message('topK'), number)
    .option('-s, --system <text>', message('system'))
    .option('--seed <n>', message('seed'), number)
    .option('--stop <text>', message('stop'), (text: string, before: string[] = []) => [...before, text])
    .option('--device <name>', message('device'))
    .option('--threads <n>', message('threads'), number)
    .option('--context <n>', message('context'), number)
    .option('--json', message('json'))
    .option('-v, --verbose', message('verbose'));
}

/** The configuration with the options of the call, all checked before a model is loaded, which may take long. */
export function configure(options: SessionOptions): Config {
  const file = options.config ?? (existsSync('config.yaml') ? 'config.yaml' : undefined);
  const config = new Config(file);
  if (options.model !== undefined) config.model.path = options.model;
  if (options.device !== undefined) config.model.deviceMap = options.device;
  if (options.threads !== undefined) config.hardware.threads = options.threads;
  if (options.context !== undefined) config.hardware.contextSize = options.context;
  if (options.maxTokens !== undefined) config.generation.maxTokens = options.maxTokens;
  if (options.temperature !== undefined) config.generation.temperature = options.temperature;
  if (options.topP !== undefined) config.generation.topP = options.topP;
  if (options.topK !== undefined) config.generation.topK = options.topK;
  config.validate();
  return config;
}

function generateOptions(options: SessionOptions, signal: AbortSignal): GenerateOptions {
  const { seed, stop, system: systemMessage } = options;
  return { seed, stop, systemMessage, signal };
}

/** Aborted by the first Ctrl-C and when the reader of stdout has gone; the second Ctrl-C ends the process. */
export function stopSignal(): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const onInterrupt = () => {
    if (controller.signal.aborted) process.exit(130);
    process.exitCode = 130;
    controller.abort(new CancelledError(message('interrupted')));
  };
  const onOutputError = (error: NodeJS.ErrnoException) => {
    controller.abort(error.code === 'EPIPE' ? new BrokenPipe() : error);
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onInterrupt);
  process.stdout.on('error', onOutputError);
  const release = () => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onInterrupt);
  };
  return { signal: controller.signal, release };
}

/** The reader of our output has left: nothing to say, and nobody to say it to. */
export class BrokenPipe extends Error {}

/** Loads the model, lets `start` begin a generation, prints it and frees the model. */
export async function runSession<R extends GenerationResult>(
  options: SessionOptions,
  start: (manager: ModelManager, options: GenerateOptions) => Generation<R>,
): Promise<void> {
  const config = configure(options);
  const { signal, release } = stopSignal();
  const generating = generateOptions(options, signal);
  const manager = new ModelManager(config);
  try {
    resolveParameters(config.generation, generating); // refuses what is wrong before the model is loaded
    const begin = performance.now();
    const bar = progressBar(message('loading'));
    const loaded = await manager.loadModel({ onProgress: bar.update, signal }).finally(bar.stop);
    if (!loaded) throw manager.lastError;
    const loadTime = (performance.now() - begin) / 1000;
    const generation = start(manager, generating);
    if (!options.json) await printStream(generation, signal);
    const result = await generation;
    if (options.json) process.stdout.write(`${JSON.stringify({ ...result, loadTime })}\n`);
    if (options.verbose) printTimings(loadTime, result);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    release();
    await manager.unloadModel();
  }
}
