import { type Command, Option } from 'commander';
import { convertCheckpoint } from '../../convert/convert.js';
import { INTERMEDIATE_STATES, type IntermediateStates } from '../../convert/hyper-parameters.js';
import { CONVERSION_TYPES, type ConversionType } from '../../convert/types.js';
import { checkWritable } from '../files.js';
import { message } from '../messages.js';
import { number } from '../options.js';
import { shareBar } from '../progress.js';
import { untilStopped } from '../stopping.js';

interface ConvertOptions {
  type: ConversionType;
  intermediates: IntermediateStates;
  threads: number;
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
    .option('--threads <n>', message('convertThreads'), number, 0)
    .option('--force', message('force'))
    .action((source, output, options) => untilStopped((signal) => convert(source, output, options, signal)));
}

async function convert(source: string, output: string, options: ConvertOptions, signal: AbortSignal): Promise<void> {
  const { force = false, ...conversion } = options;
  await checkWritable(output, { force });
  const bar = shareBar(message('converting'));
  const report = await convertCheckpoint({
    ...{ source, output, ...conversion, signal },
    onProgress: ({ bytesDone, bytesTotal }) => bar.update(bytesDone / bytesTotal),
  }).finally(bar.stop);
  const types = Object.entries(report.tensors).map(([type, count]) => `${count} ${type}`);
  const parameters = report.parameters.toLocaleString('en');
  const facts = { file: report.output, parameters, types: types.join(', '), seconds: report.seconds.toFixed(1) };
  console.log(message('convertDone', facts));
}
