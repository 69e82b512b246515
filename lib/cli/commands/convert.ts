import { type Command, Option } from 'commander';
import { type ConversionReport, type ConvertedTensor, convertCheckpoint } from '../../convert/convert.js';
import { INTERMEDIATE_STATES, type IntermediateStates } from '../../convert/hyper-parameters.js';
import { CONVERSION_TYPES, type ConversionType } from '../../convert/types.js';
import { columnsOf, padEnd } from '../columns.js';
import { checkWritable } from '../files.js';
import { message } from '../messages.js';
import { number } from '../options.js';
import { printable } from '../printable.js';
import { shareBar } from '../progress.js';
import { untilStopped } from '../stopping.js';

interface ConvertOptions {
  type: ConversionType;
  intermediates: IntermediateStates;
  threads: number;
  imatrix?: string;
  verbose?: boolean;
  force?: boolean;
}

/** `bllossom convert <checkpoint> <output>` */
export function registerConvert(program: Command): void {
  program
    .command('convert')
    .description(message('convert'))
    .argument('<checkpoint>', message('convertSource'))
    .argument('<output>', message('convertOutput'))
    .addOption(new Option('-t, --type <type>', message('convertType')).choices(CONVERSION_TYPES).default('Q4_K_M'))
    .addOption(
      new Option('--intermediates <states>', message('convertIntermediates'))
        .choices(INTERMEDIATE_STATES)
        .default('entering'),
    )
    .option('--imatrix <file>', message('convertImatrix'))
    .option('--threads <n>', message('convertThreads'), number, 0)
    .option('--verbose', message('convertVerbose'))
    .option('--force', message('force'))
    .action((source, output, options) => untilStopped((signal) => convert(source, output, options, signal)));
}

async function convert(source: string, output: string, options: ConvertOptions, signal: AbortSignal): Promise<void> {
  const { force = false, verbose = false, ...conversion } = options;
  await checkWritable(output, { force });
  const bar = shareBar(message('converting'));
  const report = await convertCheckpoint({
    ...{ source, output, ...conversion, signal },
    onProgress: ({ bytesDone, bytesTotal }) => bar.update(bytesDone / bytesTotal),
  }).finally(bar.stop);
  for (const line of verbose ? describeTensors(report.details) : []) console.log(line);
  console.log(describe(report));
  const { unweighted } = report;
  if (unweighted.length > 0) {
    const facts = { count: unweighted.length, first: printable(unweighted[0] as string) };
    const advice = options.imatrix === undefined ? 'convertNoImatrix' : 'convertUnweighted';
    console.error(`${message('warning')}: ${message(advice, facts)}`);
  }
}

function describe(report: ConversionReport): string {
  const types = Object.entries(report.tensors).map(([type, count]) => `${count} ${type}`);
  const parameters = report.parameters.toLocaleString('en');
  const facts = { file: report.output, parameters, types: types.join(', '), seconds: report.seconds.toFixed(1) };
  return message('convertDone', facts);
}

/** A row per tensor: name, shape, types, relative error. */
function describeTensors(tensors: ConvertedTensor[]): string[] {
  const rows = tensors.map(({ name, shape, source, type, error }) => [
    name,
    `[${shape.join(', ')}]`,
    `${source.padEnd(4)} → ${type}`,
    error.toExponential(2),
  ]);
  const titles = ['convertTensor', 'convertShape', 'convertTypes', 'convertError'] as const;
  const all = [titles.map((title) => message(title)), ...rows];
  const widths = titles.map((_, column) => Math.max(...all.map((row) => columnsOf(row[column] as string))));
  return all.map((row) =>
    row
      .map((cell, i) => padEnd(cell, widths[i] as number))
      .join('  ')
      .trimEnd(),
  );
}
