/** Environment variables that belong to a configuration, for libraries that read them rather than our options. */

import { join, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { checkInstance } from './check.js';
import { Config } from './config.js';
import { gpuNumber } from './device.js';

/**
 * Sets what is unset; a variable that is there, even an empty one, is never changed. Call it before the first model is
 * loaded: the CUDA driver reads its variable once. Makes no folders.
 *
 * - `HF_HOME`: `paths.cacheDir`, as an absolute path. Where programs of Hugging Face, in this process or a child, keep
 *   what they download.
 * - `HF_HUB_CACHE`: `hub` in that folder, where such programs look for models; follows an `HF_HOME` or
 *   `HUGGINGFACE_HUB_CACHE` that is already set.
 * - `TRANSFORMERS_CACHE`: the same folder, by the name that older versions of transformers read.
 * - `TOKENIZERS_PARALLELISM`: "false". Python children fork after they tokenized, and would warn or hang.
 * - `CUDA_VISIBLE_DEVICES`: `hardware.targetGpu`, if it is a number: other GPUs get no CUDA context and lose no memory.
 *   Not in a worker thread, whose environment is a copy that the driver does not see.
 *
 * Variables for data sets are not among them: nothing here downloads any.
 *
 * @returns what was set, by name
 * @throws InvalidArgumentError when a value of the configuration is not allowed
 */
export function setupEnvironment(config: Config = new Config()): Record<string, string> {
  checkInstance('config', config, Config, 'a Config');
  config.validate();
  const { env } = process;
  const home = env.HF_HOME || resolve(config.paths.cacheDir);
  const hub = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, 'hub');
  const gpu = isMainThread ? gpuNumber(config.hardware.targetGpu) : undefined;
  const wanted: Record<string, string> = {
    HF_HOME: home,
    HF_HUB_CACHE: hub,
    TRANSFORMERS_CACHE: hub,
    TOKENIZERS_PARALLELISM: 'false',
    ...(gpu !== undefined && { CUDA_VISIBLE_DEVICES: String(gpu) }),
  };
  const missing = Object.entries(wanted).filter(([name]) => env[name] === undefined);
  for (const [name, value] of missing) env[name] = value;
  return Object.fromEntries(missing);
}
