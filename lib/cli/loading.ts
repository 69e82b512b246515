import { type Config, ModelManager } from '../index.js';
import { message } from './messages.js';
import { shareBar } from './progress.js';

export interface Loaded {
  manager: ModelManager;
  /** Seconds. */
  loadTime: number;
}

/** Loads the model, with a bar unless `quiet`, lets `work` use it and frees it. */
export async function withLoadedModel<T>(
  config: Config,
  { signal, quiet = false }: { signal: AbortSignal; quiet?: boolean | undefined },
  work: (loaded: Loaded) => Promise<T>,
): Promise<T> {
  const manager = new ModelManager(config);
  try {
    const begin = performance.now();
    const bar = shareBar(message('loading'), !quiet);
    const loaded = await manager.loadModel({ onProgress: bar.update, signal }).finally(bar.stop);
    if (!loaded) throw manager.lastError;
    return await work({ manager, loadTime: (performance.now() - begin) / 1000 });
  } finally {
    await manager.unloadModel();
  }
}
