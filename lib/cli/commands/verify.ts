import type { Command } from 'commander';
import { type InstalledModel, type VerifiedModel, verifyModel } from '../../index.js';
import { type CacheOptions, cachedModels, titleOf, withCacheOptions } from '../cached-models.js';
import { describeError, errorToJson, UsageError } from '../failures.js';
import { message } from '../messages.js';
import { printable } from '../printable.js';
import { shareBar } from '../progress.js';
import { untilStopped } from '../stopping.js';

interface VerifyCommandOptions extends CacheOptions {
  json?: boolean;
}

/** `bllossom verify [model]`; the exit code is not 0 when something is wrong. */
export function registerVerify(program: Command): void {
  const command = program
    .command('verify')
    .description(message('verify'))
    .argument('[model]', message('verifyModel'))
    .option('--type <type>', message('cachedType'))
    .option('--json', message('verifyJson'));
  withCacheOptions(command).action((model: string | undefined, options) =>
    untilStopped((signal) => verify(model, options, signal)),
  );
}

async function verify(name: string | undefined, options: VerifyCommandOptions, signal: AbortSignal): Promise<void> {
  const { folder, installed } = await cachedModels(name, options);
  if (installed.length === 0 && !options.json) return console.log(message('listNone', { folder }));
  const verified: VerifiedModel[] = [];
  for (const model of installed) {
    const result = await verifyOne(model, signal);
    verified.push(result);
    if (!options.json) console.log(describe(result));
  }
  if (options.json) console.log(JSON.stringify(verified.map(toJson), null, 2));
  const count = verified.filter(({ fault }) => fault !== undefined).length;
  if (count > 0) throw new UsageError('verifyFailed', { count, total: verified.length });
}

async function verifyOne(model: InstalledModel, signal: AbortSignal): Promise<VerifiedModel> {
  const bar = shareBar(printable(titleOf(model)));
  return verifyModel(model, { signal, onProgress: (done, total) => bar.update(done / total) }).finally(bar.stop);
}

function describe({ model, checked, fault }: VerifiedModel): string {
  const state = checked === 'content' ? message('verifyContent') : message('verifyStructure');
  return printable(`${titleOf(model)}: ${fault === undefined ? state : describeError(fault)}`);
}

function toJson({ model, checked, fault }: VerifiedModel) {
  const { file, name, type = null } = model;
  return { file, name, type, checked, fault: fault === undefined ? null : errorToJson(fault) };
}
