import { type Command, Option } from 'commander';
import { checkOneOf } from '../../check.js';
import { CONVERSION_TYPES, type ConversionType } from '../../convert/types.js';
import { Config, ConnectionError, IoError, type PullProgress, pullModel, resolveModel } from '../../index.js';
import { listDownloads } from '../../models/downloads.js';
import { Interrupted } from '../failures.js';
import { message } from '../messages.js';
import { defaultConfigFile, number } from '../options.js';
import { size } from '../printable.js';
import { detailBar } from '../progress.js';
import { untilStopped } from '../stopping.js';

interface PullCommandOptions {
  config?: string;
  type?: ConversionType;
  revision?: string;
  file?: string;
  token?: string;
  threads: number;
  force?: boolean;
}

/** `bllossom pull <model>` */
export function registerPull(program: Command): void {
  program
    .command('pull')
    .description(message('pull'))
    .argument('<model>', message('pullModel'))
    .addOption(new Option('-t, --type <type>', message('pullType')).choices(CONVERSION_TYPES))
    .option('--revision <name>', message('pullRevision'))
    .option('--file <name>', message('pullFile'))
    .option('--token <token>', message('pullToken'))
    .option('--threads <n>', message('convertThreads'), number, 0)
    .option('--force', message('pullForce'))
    .option('-c, --config <file>', message('config'))
    .action((model, options) => untilStopped((signal) => pull(model, options, signal)));
}

async function pull(model: string, { config, ...options }: PullCommandOptions, signal: AbortSignal): Promise<void> {
  const { paths, quantization } = new Config(config ?? defaultConfigFile());
  const { cacheDir } = paths;
  const { type = checkOneOf('quantization.type', quantization.type, CONVERSION_TYPES), ...others } = options;
  const { repository, entry } = resolveModel(model);
  if (entry !== undefined) {
    const { title, url } = entry.licence;
    process.stderr.write(`${message('pullLicence', { licence: title, url })}\n`);
  }
  const bar = detailBar(message('pulling'));
  const onProgress = (progress: PullProgress) => bar.update(progress.bytesDone / progress.bytesTotal, paceOf(progress));
  try {
    const pulled = await pullModel({ model, type, cacheDir, ...others, onProgress, signal }).finally(bar.stop);
    const { bytes, sha256 } = pulled.record;
    const facts = { file: pulled.file, size: size(bytes), sha256, downloaded: size(pulled.downloaded) };
    console.log(message(pulled.downloaded === 0 ? 'pullPresent' : 'pullDone', facts));
  } catch (error) {
    const isPause = error instanceof ConnectionError || error instanceof IoError;
    if (isPause || signal.reason instanceof Interrupted) await tellKept(cacheDir, repository, type);
    throw error;
  }
}

/** Says on stderr that a download can go on, if there is something to go on with. */
async function tellKept(cacheDir: string, name: string, type: string): Promise<void> {
  const [kept] = await listDownloads(cacheDir, { name, type }).catch(() => []);
  if (kept === undefined || kept.bytes === 0) return;
  process.stderr.write(`${message('pullKept', { size: size(kept.bytes), model: name })}\n`);
}

function paceOf({ bytesDone, bytesTotal, bytesPerSecond, secondsLeft }: PullProgress): string {
  const facts = { done: size(bytesDone), total: size(bytesTotal), speed: size(bytesPerSecond) };
  return message('pullPace', { ...facts, left: clock(secondsLeft) });
}

/** 1:02:03 */
function clock(seconds: number | undefined): string {
  if (seconds === undefined) return '?';
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const pair = (n: number) => String(n).padStart(2, '0');
  return `${hours > 0 ? `${hours}:${pair(minutes)}` : minutes}:${pair(whole % 60)}`;
}
