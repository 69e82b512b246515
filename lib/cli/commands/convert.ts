import { Presets, SingleBar } from 'cli-progress';
import { type Command, Option } from 'commander';
import { convertCheckpoint } from '../../convert/convert.js';
import { CONVERSION_TYPES, type ConversionType } from '../../convert/types.js';

/** `bllossom convert <checkpoint> <output>` */
export function registerConvert(program: Command): void {
  program
    .command('convert')
    .description('convert a Hugging Face Mllama checkpoint to one GGUF file · 체크포인트를 GGUF 파일로 변환')
    .argument('<checkpoint>', 'folder with config.json, tokenizer.json and safetensors · 체크포인트 폴더')
    .argument('<output>', 'GGUF file to write · 만들 GGUF 파일')
    .addOption(new Option('-t, --type <type>', `${CONVERSION_TYPES.join(', ')} · 저장 형식`).default('Q4_K_M'))
    .option('--threads <n>', 'threads that convert; 0: all · 변환 스레드 수', Number, 0)
    .action(convert);
}

async function convert(source: string, output: string, options: { type: string; threads: number }): Promise<void> {
  const bar = new SingleBar(
    { stream: process.stderr, format: '{bar} {percentage}% | {eta_formatted} | {tensor}', clearOnComplete: true },
    Presets.shades_classic,
  );
  const showBar = process.stderr.isTTY;
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  process.once('SIGINT', onInterrupt);
  try {
    const report = await convertCheckpoint({
      source,
      output,
      type: options.type as ConversionType, // convertCheckpoint refuses an unknown one
      threads: options.threads,
      signal: interrupt.signal,
      onProgress: ({ tensor, bytesDone, bytesTotal }) => {
        if (showBar && !bar.isActive) {
          bar.start(bytesTotal, 0, { tensor });
        }
        bar.update(bytesDone, { tensor });
      },
    });
    bar.stop();
    const types = Object.entries(report.tensors).map(([type, count]) => `${count} ${type}`);
    const billions = (report.parameters / 1e9).toFixed(2);
    console.log(`${report.output}: ${billions} B parameters, ${types.join(', ')}, ${report.seconds.toFixed(1)} s`);
  } finally {
    bar.stop();
    process.off('SIGINT', onInterrupt);
  }
}
