/** The models of the cache folder that a command is about. */

import type { Command } from 'commander';
import { Config, type InstalledModel, listModels, resolveModel } from '../index.js';
import { listDownloads, type UnfinishedDownload } from '../models/downloads.js';
import { UsageError } from './failures.js';
import { message } from './messages.js';
import { defaultConfigFile } from './options.js';

export interface CacheOptions {
  config?: string;
  type?: string;
}

export interface CachedModels {
  /** As the configuration gives it. */
  folder: string;
  installed: InstalledModel[];
  unfinished: UnfinishedDownload[];
}

export function withCacheOptions(command: Command): Command {
  return command.option('-c, --config <file>', message('config'));
}

/** @throws UsageError, InvalidArgumentError when a model was named and there is none */
export async function cachedModels(name: string | undefined, { config, type }: CacheOptions): Promise<CachedModels> {
  const folder = new Config(config ?? defaultConfigFile()).paths.cacheDir;
  const filter = { name, type };
  const [installed, unfinished] = [await listModels(folder, filter), await listDownloads(folder, filter)];
  if (name !== undefined && installed.length + unfinished.length === 0) {
    resolveModel(name); // knows what was probably meant
    throw new UsageError('modelNotCached', { model: type === undefined ? name : `${name} (${type})`, folder });
  }
  return { folder, installed, unfinished };
}

/** "owner/name Q4_K_M" */
export function titleOf({ name, type }: Pick<InstalledModel, 'name' | 'type'>): string {
  return type === undefined ? name : `${name} ${type}`;
}
