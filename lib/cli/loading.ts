import { type Config, ModelManager } from '../index.js';
import { message } from './messages.js';
import { shareBar } from './progress.js';

export interface Loaded {
  manager: ModelManager;
  /** Seconds. */
  loadTime: number;
}

interface LoadingOptions {
  signal: AbortSignal;
  /** Without a bar. */
  quiet?: boolean | undefined;
}

/** Loads the model. The caller unloads it. @throws what `ModelManager.lastError` names, or the reason of the signal */
export async function load(config: Config, { signal, quiet = false }: LoadingOptions): Promise<Loaded> {
  const manager = new ModelManager(config);
  const begin = performance.now();
  const bar = shareBar(message('loading'), !quiet);
  const isLoaded = await manager.loadModel({ onProgress: bar.update, signal }).finally(bar.stop);
  if (!isLoaded) throw manager.lastError;
  return { manager, loadTime: (performance.now() - begin) / 1000 };
}

/** Loads the model, lets `work` use it and unloads it. */
export async function withLoadedModel<T>(
  config: Config,
  options: LoadingOptions,
  work: (loaded: Loaded) => Promise<T>,
): Promise<T> {
  const loaded = await load(config, options);
  try {
    return await work(loaded);
  } finally {
    await loaded.manager.unloadModel();
  }
}
