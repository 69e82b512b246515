/** The options that the generating commands share, and what they change. */

import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError as InvalidCliArgument, Option } from 'commander';
import { checkString } from '../check.js';
import { SCHEMA, type SectionName } from '../config-schema.js';
import { checkSeed, checkStop } from '../generation-parameters.js';
import { Config, resolveModel, type SamplingOptions } from '../index.js';
import { message } from './messages.js';

export interface ModelOptions {
  model?: string;
  projector?: string;
  config?: string;
  device?: string;
  gpuLayers?: number | string;
  threads?: number;
  context?: number;
}

export interface GenerationOptions {
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  repetitionPenalty?: number;
  system?: string;
  seed?: number;
  stop?: string[];
}

export function number(text: string): number {
  if (text.trim() === '' || !Number.isFinite(Number(text))) throw new InvalidCliArgument(message('notNumber'));
  return Number(text);
}

/** For an option that may be given several times. */
export function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}

export function withModelOptions(command: Command): Command {
  command.optionsGroup(message('modelTitle'));
  return withDeviceOptions(
    command.addOption(new Option('-m, --model <model>', message('model')).env('BLLOSSOM_MODEL')),
  );
}

/** How a model is loaded, for a command that takes the model as its argument. */
export function withDeviceOptions(command: Command): Command {
  return command
    .optionsGroup(message('modelTitle'))
    .option('--projector <file>', message('projector'))
    .option('-c, --config <file>', message('config'))
    .option('--device <name>', message('device'))
    .option('--gpu-layers <n>', message('gpuLayers'), (text) => (text === 'auto' ? text : number(text)))
    .option('--threads <n>', message('threads'), number)
    .option('--context <n>', message('context'), number);
}

export function withGenerationOptions(command: Command): Command {
  return command
    .optionsGroup(message('generationTitle'))
    .option('-n, --max-tokens <n>', message('maxTokens'), number)
    .option('-t, --temperature <n>', message('temperature'), number)
    .option('--top-p <n>', message('topP'), number)
    .option('--top-k <n>', message('topK'), number)
    .option('--repetition-penalty <n>', message('repetitionPenalty'), number)
    .option('-s, --system <text>', message('system'))
    .option('--seed <n>', message('seed'), number)
    .option('--stop <text>', message('stop'), collect);
}

export function withOutputOptions(command: Command, { several = false } = {}): Command {
  return command
    .optionsGroup(message('outputTitle'))
    .option('-o, --output <file>', message('output'))
    .option('--json', message(several ? 'jsonLines' : 'json'))
    .option('-v, --verbose', message('verbose'));
}

/** A configuration key that an option sets. */
type Place = readonly [section: SectionName, key: string];

const MODEL_PLACES: Record<Exclude<keyof ModelOptions, 'config'>, Place> = {
  model: ['model', 'path'],
  projector: ['model', 'projector'],
  device: ['model', 'deviceMap'],
  gpuLayers: ['hardware', 'gpuLayers'],
  threads: ['hardware', 'threads'],
  context: ['hardware', 'contextSize'],
};

/** The file of the configuration that counts without `--config`. */
export function defaultConfigFile(): string | undefined {
  return existsSync('config.yaml') ? 'config.yaml' : undefined;
}

/** The configuration with what the options say. @throws InvalidArgumentError naming the option; IoError */
export function configure(options: ModelOptions): Config {
  const config = new Config(options.config ?? defaultConfigFile());
  for (const [name, [section, key]] of Object.entries(MODEL_PLACES)) {
    const value = Reflect.get(options, name);
    if (value !== undefined) Reflect.set(config[section], key, checkField(section, key, flag(name), value));
  }
  if (options.model !== undefined && isModelName(options.model)) {
    Object.assign(config.model, { name: options.model, path: null });
  }
  return config;
}

/** Whether `--model` gives an alias or an id of the hub. A file goes before: it may be called like one. */
function isModelName(model: string): boolean {
  if (existsSync(model) || model.toLowerCase().endsWith('.gguf')) return false;
  try {
    resolveModel(model);
    return true;
  } catch {
    return false;
  }
}

/**
 * What the options say about an answer. They go before what a task prescribes, so they do not belong in the
 * configuration, which goes behind it.
 *
 * @param nameOf how an option is called in messages
 * @throws InvalidArgumentError naming the option
 */
export function samplingOf(
  options: GenerationOptions,
  nameOf: (key: string) => string = flag,
): SamplingOptions & { systemMessage?: string } {
  const sampling: Record<string, unknown> = {};
  for (const key of ['maxTokens', 'temperature', 'topP', 'topK', 'repetitionPenalty'] as const) {
    if (options[key] !== undefined) sampling[key] = checkField('generation', key, nameOf(key), options[key]);
  }
  if (options.seed !== undefined) sampling.seed = checkSeed(nameOf('seed'), options.seed);
  if (options.stop !== undefined) sampling.stop = checkStop(nameOf('stop'), options.stop);
  if (options.system !== undefined) sampling.systemMessage = checkString(nameOf('system'), options.system);
  return sampling;
}

function checkField(section: SectionName, key: string, name: string, value: unknown): unknown {
  return Reflect.get(SCHEMA[section], key).check(name, value);
}

/** maxTokens: --max-tokens */
function flag(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
