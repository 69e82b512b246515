import type { Command } from 'commander';
import { Config, type InstalledModel, inspectGguf, type KnownModel, knownModels } from '../../index.js';
import type { UnfinishedDownload } from '../../models/downloads.js';
import { type CachedModels, cachedModels, withCacheOptions } from '../cached-models.js';
import { grid } from '../columns.js';
import { errorToJson } from '../failures.js';
import { isKorean } from '../locale.js';
import { message } from '../messages.js';
import { defaultConfigFile } from '../options.js';
import { printable, size } from '../printable.js';

interface ListOptions {
  config?: string;
  json?: boolean;
}

/** An installed model and the bytes that it takes when it runs; null where its header does not tell. */
type Measured = InstalledModel & { memory: number | null };

/** `bllossom list` */
export function registerList(program: Command): void {
  const command = program.command('list').description(message('list')).option('--json', message('listJson'));
  withCacheOptions(command).action(list);
}

async function list(options: ListOptions): Promise<void> {
  const { quantization } = new Config(options.config ?? defaultConfigFile());
  const cached = await cachedModels(undefined, options);
  const installed = await Promise.all(cached.installed.map(measure));
  const print = options.json ? toJson : (models: Measured[]) => describe(models, cached, quantization.type);
  console.log(print(installed, cached));
}

async function measure(model: InstalledModel): Promise<Measured> {
  const report = await inspectGguf(model.file).catch(() => undefined);
  return { ...model, memory: report?.memory?.total ?? null };
}

function toJson(installed: Measured[], { folder, unfinished }: CachedModels): string {
  const models = installed.map(({ fault, record = null, type = null, ...model }) => ({
    ...{ ...model, type, record },
    fault: fault === undefined ? null : errorToJson(fault),
  }));
  const downloads = unfinished.map(({ type = null, ...download }) => ({ ...download, type }));
  return JSON.stringify({ cacheDir: folder, installed: models, downloads, known: knownModels() }, null, 2);
}

function describe(installed: Measured[], { folder, unfinished }: CachedModels, type: string): string {
  const known = knownModels();
  const licences = new Map(known.map(({ licence }) => [licence.id, licence]));
  return [
    installed.length === 0 ? message('listNone', { folder }) : message('listInstalled', { folder }),
    ...indented(installed.map(installedRow)),
    ...(unfinished.length === 0 ? [] : [message('listDownloads')]),
    ...indented(unfinished.map(downloadRow)),
    message('listKnown', { type }),
    ...indented(known.map((model) => knownRow(model, type))),
    ...[...licences.values()].map(
      ({ id, title, note, url }) => `${id}: ${title}; ${isKorean() ? note.ko : note.en} (${url})`,
    ),
  ]
    .map(printable)
    .join('\n');
}

const indented = (rows: string[][]): string[] => grid(rows).map((row) => `  ${row}`);

function installedRow({ name, type = '', bytes, memory, record, fault }: Measured): string[] {
  const source =
    record === undefined ? message('listUnrecorded') : message('listPulled', { date: day(record.created) });
  const state = fault === undefined ? source : message('listFaulty');
  return [name, type, size(bytes), memory === null ? '' : message('listMemory', { memory: size(memory) }), state];
}

function downloadRow({ name, type = '', bytes }: UnfinishedDownload): string[] {
  return [name, type, size(bytes)];
}

function knownRow({ alias, repository, sizes, licence, gated }: KnownModel, type: string): string[] {
  const bytes = Object.entries(sizes).find(([name]) => name === type)?.[1];
  return [
    ...[alias, repository, bytes ? size(bytes.file) : ''],
    bytes ? message('listMemory', { memory: size(bytes.memory) }) : '',
    gated ? message('listGated', { licence: licence.id }) : licence.id,
  ];
}

const day = (date: string): string => date.slice(0, 10);
