import type { Command } from 'commander';
import { removeModel } from '../../index.js';
import { removeDownload } from '../../models/downloads.js';
import { type CachedModels, type CacheOptions, cachedModels, titleOf, withCacheOptions } from '../cached-models.js';
import { grid } from '../columns.js';
import { confirm } from '../confirm.js';
import { message } from '../messages.js';
import { printable, size } from '../printable.js';
import { untilStopped } from '../stopping.js';

interface RemoveOptions extends CacheOptions {
  yes?: boolean;
}

/** `bllossom rm <model>` */
export function registerRm(program: Command): void {
  const command = program
    .command('rm')
    .description(message('rm'))
    .argument('<model>', message('cachedModel'))
    .option('--type <type>', message('cachedType'))
    .option('-y, --yes', message('rmYes'));
  withCacheOptions(command).action((model: string, options) => untilStopped((signal) => rm(model, options, signal)));
}

async function rm(name: string, options: RemoveOptions, signal: AbortSignal): Promise<void> {
  const cached = await cachedModels(name, options);
  if (!options.yes) {
    process.stderr.write(`${describe(cached).join('\n')}\n`);
    if (!(await confirm(message('rmAsk'), signal))) return console.log(message('rmKept'));
  }
  for (const model of cached.installed) await removeModel(cached.folder, model);
  for (const download of cached.unfinished) await removeDownload(download);
  const titles = [...cached.installed, ...cached.unfinished].map(titleOf).map(printable);
  for (const title of new Set(titles)) console.log(message('rmDone', { model: title }));
}

function describe({ installed, unfinished }: CachedModels): string[] {
  return grid([
    ...installed.map(({ file, bytes }) => [file, size(bytes)]),
    ...unfinished.map(({ folder, bytes }) => [folder, size(bytes)]),
  ]).map(printable);
}
