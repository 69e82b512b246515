import type { Command } from 'commander';
import { type GenerateOptions, TextGenerator } from '../../index.js';
import { UsageError } from '../failures.js';
import { withLoadedModel } from '../loading.js';
import { message } from '../messages.js';
import {
  configure,
  type GenerationOptions,
  type ModelOptions,
  samplingOf,
  withGenerationOptions,
  withModelOptions,
  withOutputOptions,
} from '../options.js';
import { Output, type OutputOptions, writeAnswer } from '../output.js';
import { readStandardInput } from '../standard-input.js';
import { untilStopped } from '../stopping.js';

type TextOptions = ModelOptions & GenerationOptions & OutputOptions;

/** `bllossom text "…"` */
export function registerText(program: Command): void {
  const command = program.command('text').description(message('text')).argument('[prompt]', message('promptArgument'));
  withOutputOptions(withGenerationOptions(withModelOptions(command))).action((prompt, options) =>
    untilStopped((signal) => answer(prompt, options, signal)),
  );
}

async function answer(argument: string | undefined, options: TextOptions, signal: AbortSignal): Promise<void> {
  const config = configure(options);
  const generating: GenerateOptions = { ...samplingOf(options), signal };
  const output = await Output.open(options.output, signal);
  const prompt = await readPrompt(argument, signal);
  await withLoadedModel(config, { signal, quiet: options.json }, async ({ manager, loadTime }) => {
    await writeAnswer(new TextGenerator(manager).generate(prompt, generating), output, options, { loadTime });
  });
  await output.finish();
}

/** The argument; without one, or with "-", what is piped in. */
async function readPrompt(argument: string | undefined, signal: AbortSignal): Promise<string> {
  const piped = argument === '-' || (argument === undefined && !process.stdin.isTTY);
  if (argument === undefined && !piped) throw new UsageError('promptMissing');
  const prompt = piped ? await readStandardInput(signal) : (argument as string);
  if (prompt.trim() === '') throw new UsageError('promptEmpty');
  return prompt;
}
