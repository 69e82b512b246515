/** The model file of a configuration, from the cache or else from the hub. */

import { checkOneOf } from '../check.js';
import type { Config } from '../config.js';
import { checkSection } from '../config-schema.js';
import { CONVERSION_TYPES } from '../convert/types.js';
import { findModel, type ModelFiles, notInCache } from '../model-path.js';
import { resolveModel } from '../models/registry.js';
import type { Waiter } from '../shared-work.js';
import { isOffline } from './access.js';

/** Of the progress of loading, where the model is downloaded first. */
const PULL_SHARE = 0.9;

/**
 * @returns the files, and what the loading of it is to report to
 * @throws ModelNotFoundError when it is not there and may not be downloaded; what `pullModel` throws
 */
export async function obtainModel(
  config: Config,
  control: Required<Waiter>,
): Promise<{ files: ModelFiles; rest: Required<Waiter> }> {
  const found = await findModel(config);
  if (found !== undefined) return { files: found, rest: control };
  const { name } = config.model;
  if (!isOnHub(name)) return notInCache(config);
  if (isOffline()) return notInCache(config, ', and HF_HUB_OFFLINE forbids to download it');
  if (checkSection(config, 'network').offline) {
    return notInCache(config, ', and network.offline forbids to download it');
  }
  const type = checkOneOf('quantization.type', config.quantization.type, CONVERSION_TYPES);
  const { signal, onProgress } = control;
  const { pullModel } = await import('./pull.js'); // what downloads need is loaded with the first one
  const { file } = await pullModel({
    ...{ model: name, type, cacheDir: config.paths.cacheDir, signal },
    onProgress: ({ bytesDone, bytesTotal }) => onProgress?.((PULL_SHARE * bytesDone) / Math.max(1, bytesTotal)),
  });
  return {
    files: { path: file, projector: null },
    rest: { signal, onProgress: (value) => onProgress?.(PULL_SHARE + (1 - PULL_SHARE) * value) },
  };
}

function isOnHub(name: string): boolean {
  try {
    return resolveModel(name) !== undefined;
  } catch {
    return false;
  }
}
