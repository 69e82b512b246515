/** What a pull is asked for. */

import { resolve } from 'node:path';
import {
  checkBoolean,
  checkCallback,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkPath,
  checkSignal,
  checkText,
} from '../check.js';
import { Config } from '../config.js';
import { CONVERSION_TYPES, type ConversionType } from '../convert/types.js';
import { InvalidArgumentError } from '../errors.js';
import { resolveModel } from '../models/registry.js';
import { hubAccess } from './access.js';
import type { PullProgress } from './pace.js';

export interface PullOptions {
  /** Alias of the registry or id on the hub, "owner/name"; after either "@" and a revision. */
  model: string;
  /** How the weights are stored. Default "Q4_K_M". */
  type?: ConversionType | undefined;
  /** Branch, tag or commit. Default: that of `model`, else "main". */
  revision?: string | undefined;
  /** A GGUF file of the repository, to be copied instead of converting the checkpoint. */
  file?: string | undefined;
  /** Of the hub. Default: HF_TOKEN, else what `hf auth login` has left. */
  token?: string | undefined;
  /** Default: that of a new `Config`. */
  cacheDir?: string | undefined;
  /** Downloads what is in the cache already. Default false. */
  force?: boolean | undefined;
  /** Threads that convert; 0 (default): all of the machine. */
  threads?: number | undefined;
  /** What it throws ends the download, which rejects with it. */
  onProgress?: ((progress: PullProgress) => void) | undefined;
  /** Stops it; what was downloaded is kept. */
  signal?: AbortSignal | undefined;
}

export type PullRequest = Awaited<ReturnType<typeof resolveOptions>>;

const KEYS: (keyof PullOptions)[] = [
  ...(['model', 'type', 'revision', 'file', 'token', 'cacheDir', 'force', 'threads'] as const),
  ...(['onProgress', 'signal'] as const),
];

/** The options, checked and complete. */
export async function resolveOptions(options: PullOptions) {
  const given = checkOptions('options', options, KEYS);
  const { type = 'Q4_K_M', force = false, threads = 0, cacheDir = new Config().paths.cacheDir } = given;
  const optionalText = (name: 'revision' | 'file' | 'token') =>
    given[name] === undefined ? undefined : name === 'token' ? hidden(given.token) : checkText(name, given[name]);
  const model = resolveModel(given.model as string);
  return {
    repository: model.repository,
    revision: optionalText('revision') ?? model.revision,
    file: optionalText('file'),
    access: await hubAccess(optionalText('token')),
    type: checkOneOf('type', type, CONVERSION_TYPES),
    cacheDir: resolve(checkPath('cacheDir', cacheDir)),
    force: checkBoolean('force', force),
    threads: checkInteger('threads', threads, { min: 0, max: 1024 }),
    onProgress: checkCallback('onProgress', given.onProgress),
    signal: given.signal === undefined ? undefined : checkSignal('signal', given.signal),
  };
}

/** A token that is no text is not shown either. */
function hidden(token: unknown): string {
  if (typeof token === 'string') return token;
  throw new InvalidArgumentError('Expected a string for token');
}
