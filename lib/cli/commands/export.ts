import type { Command } from 'commander';
import { exportText } from '../../convert/rewrite.js';
import { UsageError } from '../failures.js';
import { checkWritable } from '../files.js';
import { message } from '../messages.js';
import { size } from '../printable.js';
import { shareBar } from '../progress.js';
import { untilStopped } from '../stopping.js';

interface ExportCommandOptions {
  textOnly?: boolean;
  projector?: string;
  force?: boolean;
}

/** `bllossom export --text-only <model> <output>` */
export function registerExport(program: Command): void {
  program
    .command('export')
    .description(message('export'))
    .argument('<model>', message('exportSource'))
    .argument('<output>', message('convertOutput'))
    .option('--text-only', message('exportTextOnly'))
    .option('--projector <file>', message('projector'))
    .option('--force', message('force'))
    .action((source, output, options) => untilStopped((signal) => run(source, output, options, signal)));
}

async function run(source: string, output: string, options: ExportCommandOptions, signal: AbortSignal): Promise<void> {
  const { textOnly, projector, force = false } = options;
  if (!textOnly) throw new UsageError('exportNeedsTextOnly');
  await checkWritable(output, { force });
  const bar = shareBar(message('exporting'));
  const report = await exportText({ source, output, projector, signal, onProgress: bar.update }).finally(bar.stop);
  console.log(message('copyDone', { file: output, size: size(report.bytes), seconds: report.seconds.toFixed(1) }));
}
