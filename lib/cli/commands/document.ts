import { type Command, Option } from 'commander';
import { DOCUMENT_TASKS } from '../../document/tasks.js';
import {
  type DocumentOptions,
  DocumentProcessor,
  type DocumentResult,
  type DocumentTask,
  type Language,
  VisionGenerator,
} from '../../index.js';
import { LANGUAGES } from '../../vision-tasks.js';
import { orDemoModel } from '../demo-model.js';
import { type DocumentInput, readInputs } from '../document-inputs.js';
import { documentToJson, partialResult, readEarlier } from '../document-results.js';
import { errorToJson, printError, UsageError } from '../failures.js';
import { type Loaded, withLoadedModel } from '../loading.js';
import { message } from '../messages.js';
import {
  collect,
  configure,
  type GenerationOptions,
  type ModelOptions,
  number,
  samplingOf,
  withGenerationOptions,
  withModelOptions,
  withOutputOptions,
} from '../options.js';
import { Output, type OutputOptions } from '../output.js';
import { type Bar, countBar } from '../progress.js';
import { type FormatOptions, formatOf, withFormatOptions } from '../response-format.js';
import { untilStopped } from '../stopping.js';

interface DocumentCommandOptions extends ModelOptions, GenerationOptions, FormatOptions, OutputOptions {
  task: DocumentTask;
  language: Language;
  multiPage?: boolean;
  pages?: string;
  password?: string;
  fonts?: string[];
  dpi?: number;
  resume?: string;
}

/** 1-3,5,8-; whether they exist is known when the document is open. */
const PAGES = /^\s*(\d{1,9}|\d{0,9}-\d{0,9})\s*(,\s*(\d{1,9}|\d{0,9}-\d{0,9})\s*)*$/;

/** `bllossom document <file | folder | pdf>… --task …` */
export function registerDocument(program: Command): void {
  const command = program
    .command('document')
    .description(message('document'))
    .argument('<inputs...>', message('documentArgument'))
    .addOption(new Option('--task <task>', message('documentTask')).choices(DOCUMENT_TASKS).default('extract'))
    .addOption(new Option('--language <language>', message('language')).choices(LANGUAGES).default('ko'))
    .option('--multi-page', message('multiPage'))
    .option('--pages <pages>', message('pages'))
    .option('--password <text>', message('password'))
    .option('--fonts <path>', message('fonts'), collect)
    .option('--dpi <n>', message('dpi'), number)
    .option('--resume <file>', message('resume'));
  withOutputOptions(withFormatOptions(withGenerationOptions(withModelOptions(command))), { several: true }).action(
    (inputs, options) => untilStopped((signal) => read(inputs, options, signal)),
  );
}

async function read(inputs: string[], options: DocumentCommandOptions, signal: AbortSignal): Promise<void> {
  const config = configure(options);
  const { task, language, pages, password, fonts, dpi } = options;
  if (pages !== undefined && !PAGES.test(pages)) throw new UsageError('pagesInvalid', { value: JSON.stringify(pages) });
  const sampling = { ...samplingOf(options), ...(await formatOf(options)) };
  const output = await Output.open(options.output, signal);
  const documents = await readInputs(inputs, { config, signal, joined: options.multiPage ?? false });
  const earlier = options.resume === undefined ? undefined : await readEarlier(options.resume);

  try {
    await withLoadedModel(await orDemoModel(config, options), { signal, quiet: options.json }, async (loaded) => {
      for (const document of documents) await readOne(document, loaded);
    });
  } finally {
    await output.finish(); // also when it was stopped: what is finished is kept
  }

  async function readOne(document: DocumentInput, { manager }: Loaded): Promise<void> {
    const begin = performance.now();
    let bar: Bar | undefined;
    const each: DocumentOptions = {
      ...{ ...sampling, language, signal, pages, resume: earlier?.get(document.name) },
      ...('pdf' in document.pages && { password, fonts, dpi }),
      onProgress: ({ done, total }) => {
        bar ??= countBar(message('reading'), total, !options.json);
        bar.update(done);
      },
    };
    const source = 'pdf' in document.pages ? document.pages.pdf : document.pages.images;
    const batch = new DocumentProcessor(new VisionGenerator(manager)).processMultiPageDocument(source, task, each);
    try {
      await write(document, await batch.finally(() => bar?.stop()));
      if (options.verbose) tellTime(batch.finished.length, (performance.now() - begin) / 1000);
    } catch (error) {
      if (signal.aborted) {
        if (batch.finished.length > 0) await write(document, partialResult(batch.finished, task, language));
        throw error;
      }
      if (documents.length === 1) throw error;
      process.exitCode = 1;
      if (!options.json) return printError(error);
      await output.write(`${JSON.stringify({ input: document.name, success: false, error: errorToJson(error) })}\n`);
      output.mark();
    }
  }

  async function write(document: DocumentInput, result: DocumentResult): Promise<void> {
    if (!result.success) process.exitCode = 1;
    if (options.json) await output.write(`${JSON.stringify(documentToJson(document, task, result))}\n`);
    else {
      tellFailures(document, result);
      if (documents.length > 1)
        await output.write(`${document === documents[0] ? '' : '\n'}==> ${document.name} <==\n`);
      await output.write(`${result.combinedContent}\n`);
    }
    output.mark();
  }
}

function tellFailures({ name: input, pages }: DocumentInput, { pageResults }: DocumentResult): void {
  for (const result of pageResults) {
    if (result.success) continue;
    const file = 'pdf' in pages ? input : (pages.names[result.pageNumber - 1] ?? input);
    printError(new UsageError('pageFailed', { input: file, page: result.pageNumber, why: result.error.message }));
  }
}

function tellTime(pages: number, seconds: number): void {
  process.stderr.write(`${message('documentDone', { pages, seconds: seconds.toFixed(1) })}\n`);
}
