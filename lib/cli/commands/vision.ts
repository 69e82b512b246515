import { type Command, Option } from 'commander';
import type { ImageSource, Language, VisionOptions } from '../../index.js';
import { LANGUAGES } from '../../vision-tasks.js';
import { orDemoModel } from '../demo-model.js';
import { errorToJson, printError, UsageError } from '../failures.js';
import { checkedImage, namesImage } from '../images.js';
import { type Loaded, withLoadedModel } from '../loading.js';
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
import { ask, type Question, questionOf, TASKS, type Task } from '../question.js';
import { type FormatOptions, formatOf, withFormatOptions } from '../response-format.js';
import {
  checkSessionFile,
  keepSession,
  restoreSession,
  type SessionFileOptions,
  withSessionOption,
} from '../session.js';
import { untilStopped } from '../stopping.js';

interface VisionCommandOptions
  extends ModelOptions,
    GenerationOptions,
    FormatOptions,
    SessionFileOptions,
    OutputOptions {
  prompt?: string;
  task?: Task;
  language?: Language;
}

/** `bllossom vision <images…> "…"` */
export function registerVision(program: Command): void {
  const command = program
    .command('vision')
    .description(message('vision'))
    .usage('[options] <images...> [prompt]')
    .argument('<images...>', message('imageArgument'))
    .option('-p, --prompt <text>', message('prompt'))
    .addOption(new Option('--task <task>', message('task')).choices(TASKS))
    .addOption(new Option('--language <language>', message('language')).choices(LANGUAGES));
  withFormatOptions(withGenerationOptions(withModelOptions(command)));
  withOutputOptions(withSessionOption(command), { several: true }).action(
    (inputs: string[], options: VisionCommandOptions) => untilStopped((signal) => answer(inputs, options, signal)),
  );
}

async function answer(inputs: string[], options: VisionCommandOptions, signal: AbortSignal): Promise<void> {
  const config = configure(options);
  const { images, prompt } = separate(inputs, options.prompt);
  const question = checkedQuestion(prompt, options);
  const generating: VisionOptions = { ...samplingOf(options), ...(await formatOf(options)), signal };
  const output = await Output.open(options.output, signal);
  await checkSessionFile(options);
  const sources: { name: string; image: ImageSource }[] = [];
  for (const name of images) sources.push({ name, image: await checkedImage(name, config, signal) });

  try {
    await withLoadedModel(await orDemoModel(config, options), { signal, quiet: options.json }, async (loaded) => {
      await restoreSession(loaded.manager, options, signal);
      const [only] = sources;
      if (sources.length === 1 && only) await answerOne(only, loaded);
      else for (const source of sources) await answerOneOfMany(source, loaded);
      await keepSession(loaded.manager, options, signal);
    });
  } finally {
    await output.finish(); // also when it was stopped: the answers before are complete
  }

  async function answerOne({ name, image }: { name: string; image: ImageSource }, loaded: Loaded) {
    const facts = { image: name, loadTime: loaded.loadTime };
    await writeAnswer(ask(loaded, image, question, generating), output, options, facts);
  }

  /** Under a heading; a failure is told and the next one begun. */
  async function answerOneOfMany(source: { name: string; image: ImageSource }, loaded: Loaded) {
    if (!options.json) await output.write(`${source === sources[0] ? '' : '\n'}==> ${source.name} <==\n`);
    try {
      await answerOne(source, loaded);
    } catch (error) {
      signal.throwIfAborted();
      process.exitCode = 1;
      if (!options.json) return printError(error);
      await output.write(`${JSON.stringify({ success: false, image: source.name, error: errorToJson(error) })}\n`);
      output.mark();
    }
  }
}

function separate(inputs: string[], given: string | undefined): { images: string[]; prompt: string | undefined } {
  const last = inputs.at(-1);
  const prompted = given === undefined && last !== undefined && !namesImage(last);
  const images = prompted ? inputs.slice(0, -1) : inputs;
  const prompt = prompted ? last : given;
  if (prompt !== undefined && prompt.trim() === '') throw new UsageError('promptEmpty');
  if (images.length === 0) throw new UsageError('imageMissing');
  return { images, prompt };
}

/** @throws UsageError */
function checkedQuestion(prompt: string | undefined, options: VisionCommandOptions): Question {
  const question = questionOf(prompt, options);
  if (question === 'noQuestion') throw new UsageError('questionMissing');
  if (question === 'promptAndTask') throw new UsageError('taskPrompt', { task: options.task ?? '' });
  return question;
}
