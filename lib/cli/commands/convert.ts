import { type Command, Option } from 'commander';
import { convertCheckpoint } from '../../convert/convert.js';
import { INTERMEDIATE_STATES, type IntermediateStates } from '../../convert/hyper-parameters.js';
import { CONVERSION_TYPES, type ConversionType } from '../../convert/types.js';
import { message } from '../messages.js';
import { progressBar } from '../print.js';
import { number, stopSignal } from '../session.js';

/** `bllossom convert <checkpoint> <output>` */
export function registerConvert(program: Command): void {
  program
    .command('convert')
    .description(message('convert'))
    .argument('<checkpoint>', message('convertSource'))
    .argument('<output>', message('convertOutput'))
    .addOption(
      new Option('-t, --type <type>', `${message('convertType')}: ${CONVERSION_TYPES.join(', ')}`).default('Q4_K_M'),
    )
    .addOption(
      new Option('--intermediates <states>', message('convertIntermediates'))
        .choices(INTERMEDIATE_STATES)
        .default('entering'),
    )
    .option('--threads <n>', message('convertThreads'), number, 0)
    .action(convert);
}

interface ConvertOptions {
  type: string;
  intermediates: IntermediateStates;
  threads: number;
}

async function convert(source: string, output: string, options: ConvertOptions): Promise<void> {
  const bar = progressBar(message('converting'));
  const { signal, release } = stopSignal();
  try {
    const report = await convertCheckpoint({
      source,
      output,
      type: options.type as ConversionType, // convertCheckpoint refuses an unknown one
      intermediates: options.intermediates,
      threads: options.threads,
      signal,
      onProgress: ({ bytesDone, bytesTotal }) => bar.update(bytesDone / bytesTotal),
    });
    bar.stop();
    const types = Object.entries(report.tensors).map(([type, count]) => `${count} ${type}`);
    const parameters = report.parameters.toLocaleString('en');
    console.log(`${report.output}: ${parameters} parameters, ${types.join(', ')}, ${report.seconds.toFixed(1)} s`);
  } finally {
    bar.stop();
    release();
  }
}
