import { type Command, Option } from 'commander';
import { type BatchItem, generationBatch } from '../../batch.js';
import { batchWidth } from '../../chat.js';
import { CancelledError, type GenerationResult, TextGenerator } from '../../index.js';
import { orDemoModel } from '../demo-model.js';
import { errorToJson, printError, UsageError } from '../failures.js';
import { checkWritable, writeWhole } from '../files.js';
import { type Loaded, withLoadedModel } from '../loading.js';
import { message } from '../messages.js';
import {
  configure,
  type GenerationOptions,
  type ModelOptions,
  samplingOf,
  withGenerationOptions,
  withModelOptions,
} from '../options.js';
import { type Bar, countBar } from '../progress.js';
import { ask } from '../question.js';
import { untilStopped } from '../stopping.js';
import { type BatchTask, readTasks } from '../tasks-file.js';

interface BatchOptions extends ModelOptions, GenerationOptions {
  output?: string;
  /** Only says that no bar is wanted: the results are JSON anyway. */
  json?: boolean;
  verbose?: boolean;
}

type Item = BatchItem<GenerationResult>;

/** `bllossom batch <prompts.txt | tasks.json>` */
export function registerBatch(program: Command): void {
  const command = program
    .command('batch')
    .description(`${message('batch')}. ${message('batchHelp')}`)
    .summary(message('batch'))
    .argument('<file>', message('batchArgument'));
  withGenerationOptions(withModelOptions(command))
    .optionsGroup(message('outputTitle'))
    .option('-o, --output <file>', message('batchOutput'))
    .addOption(new Option('--json').hideHelp())
    .option('-v, --verbose', message('verbose'))
    .action((file, options) => untilStopped((signal) => compute(file, options, signal)));
}

async function compute(file: string, options: BatchOptions, signal: AbortSignal): Promise<void> {
  const config = configure(options);
  const sampling = samplingOf(options);
  if (options.output !== undefined) await checkWritable(options.output);
  const tasks = (await readTasks(file, config, signal)).map((task) => ({
    ...task,
    sampling: { ...sampling, ...task.sampling },
  }));
  await withLoadedModel(await orDemoModel(config, options), { signal, quiet: options.json }, async (loaded) => {
    const begin = performance.now();
    const bar = countBar(message('answering'), tasks.length, !options.json);
    const save = (items: readonly Item[]) => writeResults(options.output, tasks, items);
    const finished = await answerAll(tasks, loaded, { signal, bar, save });
    report(tasks, finished, options.verbose ? (performance.now() - begin) / 1000 : undefined);
  });
}

interface Progress {
  signal: AbortSignal;
  bar: Bar;
  /** Called once, with the items that are ready, whatever ends the batch. */
  save(items: readonly Item[]): Promise<void>;
}

async function answerAll(
  tasks: BatchTask[],
  loaded: Loaded,
  { signal, bar, save }: Progress,
): Promise<readonly Item[]> {
  const { manager } = loaded;
  const text = new TextGenerator(manager);
  const batch = generationBatch({
    ...{ name: 'tasks', items: tasks, concurrency: () => batchWidth({ manager, config: manager.config }) },
    options: { signal, onProgress: ({ done }) => bar.update(done) },
    check: () => {}, // readTasks has
    generate: ({ given, image, question, sampling }, each): PromiseLike<GenerationResult> =>
      image === undefined
        ? text.generate(given.prompt ?? '', { ...sampling, ...each })
        : ask(loaded, image, question, { ...sampling, ...each }),
  });
  try {
    await batch;
  } finally {
    bar.stop();
    await save(batch.finished);
  }
  return batch.finished;
}

/** All items in input order; those that Ctrl-C came before stand there as failed. */
async function writeResults(output: string | undefined, tasks: BatchTask[], items: readonly Item[]): Promise<void> {
  const ready = new Map(items.map((item) => [item.index, item]));
  const results = tasks.map(({ given }, index) => {
    const item = ready.get(index) ?? { success: false, index, error: new CancelledError(message('batchNotComputed')) };
    const outcome = item.success ? item : { success: false, error: errorToJson(item.error) };
    return { ...given, ...outcome, index };
  });
  const json = `${JSON.stringify(results, null, 2)}\n`;
  if (output === undefined) process.stdout.write(json);
  else await writeWhole(output, json);
}

function report(tasks: BatchTask[], items: readonly Item[], seconds: number | undefined): void {
  for (const item of items) {
    if (item.success) continue;
    process.exitCode = 1;
    const { place } = tasks[item.index] as BatchTask;
    printError(new UsageError('batchRefused', { place, why: item.error.message }));
  }
  if (seconds === undefined) return;
  const successful = items.filter(({ success }) => success).length;
  const facts = { successful, total: tasks.length, seconds: seconds.toFixed(1) };
  process.stderr.write(`${message('batchDone', facts)}\n`);
}
