/** A model for the time of one function. */

import { checkFunction, fail, isInstance } from './check.js';
import { Config } from './config.js';
import { InternalError } from './errors.js';
import { type LoadModelOptions, ModelManager } from './model-manager.js';

/** Functions that run with a manager's model right now. */
const users = new WeakMap<ModelManager, number>();

/**
 * Loads the model, unless the manager has it, runs the function and frees the model: also when the function throws, and
 * when loading fails or is aborted. Of several that share a manager, the last to end frees it.
 *
 * @param source a configuration, for a manager of this call alone, or a manager
 * @param options for the loading; the signal does not reach into the function
 * @returns what the function returns
 * @throws InvalidArgumentError on wrong arguments; the manager's `lastError` when loading fails; what the function throws
 *
 * @example
 * const answer = await withModel(config, (manager) => new TextGenerator(manager).generate('안녕하세요?'));
 */
export async function withModel<T>(
  source: Config | ModelManager,
  callback: (manager: ModelManager) => T | PromiseLike<T>,
  options?: LoadModelOptions,
): Promise<T> {
  checkFunction('callback', callback);
  const manager = managerOf(source);
  users.set(manager, (users.get(manager) ?? 0) + 1);
  try {
    if (!(await manager.loadModel(options))) throw manager.lastError ?? new InternalError('Loading failed');
    return await callback(manager);
  } finally {
    const others = (users.get(manager) ?? 1) - 1;
    users.set(manager, others);
    if (others === 0) await manager.unloadModel();
  }
}

function managerOf(source: Config | ModelManager): ModelManager {
  if (isInstance(source, ModelManager)) return source;
  if (isInstance(source, Config)) return new ModelManager(source);
  return fail('source', 'a Config or a ModelManager', source);
}
