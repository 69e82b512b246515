import type { Command } from 'commander';
import { type GenerateOptions, TextGenerator } from '../../index.js';
import { interact } from '../chat/interact.js';
import { orDemoModel } from '../demo-model.js';
import { UsageError } from '../failures.js';
import { load, withLoadedModel } from '../loading.js';
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
import { type FormatOptions, formatOf, withFormatOptions } from '../response-format.js';
import {
  checkSessionFile,
  keepSession,
  restoreSession,
  type SessionFileOptions,
  withSessionOption,
} from '../session.js';
import { readStandardInput } from '../standard-input.js';
import { untilStopped } from '../stopping.js';

interface TextOptions extends ModelOptions, GenerationOptions, FormatOptions, SessionFileOptions, OutputOptions {
  interactive?: boolean;
}

/** `bllossom text "…"` */
export function registerText(program: Command): void {
  const command = program
    .command('text')
    .description(message('text'))
    .argument('[prompt]', message('promptArgument'))
    .option('-i, --interactive', message('interactive'));
  withOutputOptions(withSessionOption(withFormatOptions(withGenerationOptions(withModelOptions(command))))).action(
    (prompt, options: TextOptions) =>
      options.interactive ? chat(prompt, options) : untilStopped((signal) => answer(prompt, options, signal)),
  );
}

async function chat(prompt: string | undefined, options: TextOptions): Promise<void> {
  if (options.output !== undefined) throw new UsageError('outputInteractive');
  const config = configure(options);
  const generating = { ...samplingOf(options), ...(await formatOf(options)) };
  await checkSessionFile(options);
  const { manager } = await untilStopped(async (signal) =>
    load(await orDemoModel(config, options), { signal, quiet: options.json }),
  );
  try {
    await untilStopped((signal) => restoreSession(manager, options, signal));
    try {
      await interact({ manager, config, generating, options, prompt });
    } finally {
      await untilStopped((signal) => keepSession(manager, options, signal)); // also where Ctrl-C ends the chat
    }
  } finally {
    await manager.unloadModel();
  }
}

async function answer(argument: string | undefined, options: TextOptions, signal: AbortSignal): Promise<void> {
  const config = configure(options);
  const generating: GenerateOptions = { ...samplingOf(options), ...(await formatOf(options)), signal };
  const output = await Output.open(options.output, signal);
  await checkSessionFile(options);
  const prompt = await readPrompt(argument, signal);
  await withLoadedModel(
    await orDemoModel(config, options),
    { signal, quiet: options.json },
    async ({ manager, loadTime }) => {
      await restoreSession(manager, options, signal);
      await writeAnswer(new TextGenerator(manager).generate(prompt, generating), output, options, { loadTime });
      await output.finish();
      await keepSession(manager, options, signal);
    },
  );
}

/** The argument; without one, or with "-", what is piped in. */
async function readPrompt(argument: string | undefined, signal: AbortSignal): Promise<string> {
  const piped = argument === '-' || (argument === undefined && !process.stdin.isTTY);
  if (argument === undefined && !piped) throw new UsageError('promptMissing');
  const prompt = piped ? await readStandardInput(signal) : (argument as string);
  if (prompt.trim() === '') throw new UsageError('promptEmpty');
  return prompt;
}
