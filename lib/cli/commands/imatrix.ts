import type { Command } from 'commander';
import { collectImportance } from '../../index.js';
import { UsageError } from '../failures.js';
import { checkWritable } from '../files.js';
import { withLoadedModel } from '../loading.js';
import { message } from '../messages.js';
import { configure, type ModelOptions, number, withDeviceOptions } from '../options.js';
import { type Bar, countBar } from '../progress.js';
import { untilStopped } from '../stopping.js';

interface ImatrixOptions extends Omit<ModelOptions, 'model'> {
  text?: string[];
  images?: string[];
  output: string;
  from?: string;
  prompt?: string;
  chunk: number;
  maxChunks?: number;
  force?: boolean;
}

/** `bllossom imatrix <model> --text corpus.txt --images folder -o importance.gguf` */
export function registerImatrix(program: Command): void {
  const command = program
    .command('imatrix')
    .description(message('imatrix'))
    .argument('<model>', message('imatrixModel'))
    .option('--text <files...>', message('imatrixText'))
    .option('--images <files...>', message('imatrixImages'))
    .requiredOption('-o, --output <file>', message('imatrixOutput'))
    .option('--from <file>', message('imatrixFrom'))
    .option('-p, --prompt <text>', message('imatrixPrompt'))
    .option('--chunk <n>', message('imatrixChunk'), number, 512)
    .option('--max-chunks <n>', message('imatrixMaxChunks'), number)
    .option('--force', message('force'));
  withDeviceOptions(command).action((model: string, options: ImatrixOptions) =>
    untilStopped((signal) => collect(model, options, signal)),
  );
}

async function collect(model: string, options: ImatrixOptions, signal: AbortSignal): Promise<void> {
  const { text: texts = [], images = [], output, from, prompt, chunk, maxChunks, force = false } = options;
  const config = configure({ ...options, model });
  if (texts.length === 0 && images.length === 0) throw new UsageError('imatrixNothing');
  await checkWritable(output, { force: force || output === from });
  let bar: Bar | undefined;
  const report = await withLoadedModel(config, { signal }, ({ manager }) =>
    collectImportance(manager, {
      ...{ output, texts, images, from, prompt, chunk, maxChunks, signal },
      onProgress: ({ done, total }) => {
        bar ??= countBar(message('collecting'), total);
        bar.update(done);
      },
    }),
  ).finally(() => bar?.stop());
  const tokens = report.tokens.toLocaleString('en');
  const facts = { chunks: report.chunks, images: report.images, tokens, seconds: report.seconds.toFixed(1) };
  console.log(message('imatrixDone', { file: report.output, ...facts }));
}
