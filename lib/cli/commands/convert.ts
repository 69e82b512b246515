import { type Command, Option } from 'commander';
import { type ConversionReport, type ConvertedTensor, convertCheckpoint } from '../../convert/convert.js';
import { INTERMEDIATE_STATES, type IntermediateStates } from '../../convert/hyper-parameters.js';
import { VISION_TYPES, type VisionType } from '../../convert/rewrite.js';
import { CONVERSION_TYPES, type ConversionType } from '../../convert/types.js';
import { columnsOf, padEnd } from '../columns.js';
import { UsageError } from '../failures.js';
import { checkWritable } from '../files.js';
import { message } from '../messages.js';
import { number } from '../options.js';
import { printable } from '../printable.js';
import { shareBar } from '../progress.js';
import { untilStopped } from '../stopping.js';
import { convertGguf, isGgufSource } from './convert-gguf.js';

interface ConvertOptions {
  type: ConversionType;
  intermediates: IntermediateStates;
  threads: number;
  imatrix?: string;
  verbose?: boolean;
  projector?: string;
  visionType?: VisionType;
  force?: boolean;
  /** Whether an option was on the command line. */
  given: (name: string) => boolean;
}

/** `bllossom convert <source> <output>` */
export function registerConvert(program: Command): void {
  program
    .command('convert')
    .description(message('convert'))
    .argument('<source>', message('convertSource'))
    .argument('<output>', message('convertOutput'))
    .addOption(new Option('-t, --type <type>', message('convertType')).choices(CONVERSION_TYPES).default('Q4_K_M'))
    .addOption(
      new Option('--intermediates <states>', message('convertIntermediates'))
        .choices(INTERMEDIATE_STATES)
        .default('entering'),
    )
    .option('--imatrix <file>', message('convertImatrix'))
    .option('--projector <file>', message('projector'))
    .addOption(new Option('--vision-type <type>', message('convertVisionType')).choices(VISION_TYPES))
    .option('--threads <n>', message('convertThreads'), number, 0)
    .option('--verbose', message('convertVerbose'))
    .option('--force', message('force'))
    .action((source, output, options, command: Command) => {
      const given = (name: string) => command.getOptionValueSource(name) === 'cli';
      return untilStopped((signal) => convert(source, output, { ...options, given }, signal));
    });
}

/** Options that only one kind of source can follow, as they are written. */
const CHECKPOINT_OPTIONS = { type: '--type', intermediates: '--intermediates' };
const GGUF_OPTIONS = { projector: '--projector', visionType: '--vision-type' };

/** @throws UsageError for an option that would have no effect */
function checkFit(foreign: Record<string, string>, given: (name: string) => boolean, isGguf: boolean): void {
  for (const [name, option] of Object.entries(foreign)) {
    if (given(name)) throw new UsageError(isGguf ? 'convertNotForGguf' : 'convertNotForCheckpoint', { option });
  }
}

async function convert(source: string, output: string, options: ConvertOptions, signal: AbortSignal): Promise<void> {
  const { force = false, verbose = false, projector, visionType, given, ...conversion } = options;
  const isGguf = await isGgufSource(source);
  checkFit(isGguf ? CHECKPOINT_OPTIONS : GGUF_OPTIONS, given, isGguf);
  await checkWritable(output, { force });
  if (isGguf) return convertGguf(source, output, { projector, visionType, threads: conversion.threads }, signal);
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
