// Subjects: ModelManager and withModel.
import { allowsOwn, method } from './subject.mjs';

export function modelManagerSubjects({ api, manager, sections, configured }) {
  const { ModelManager, Config } = api;
  const all = {};
  const load = async (config, ...given) => {
    const own = new ModelManager(config);
    const loaded = await own.loadModel(...given);
    await own.unloadModel();
    if (!loaded) throw own.lastError;
  };
  Object.assign(all, {
    ModelManager: { args: () => [new Config()], call: (...given) => new ModelManager(...given) },
    getModelManager: { args: () => [new Config()], call: (...given) => api.getModelManager(...given) },
    'ModelManager#requireModel': method(manager, 'requireModel'),
    'ModelManager#getModelInfo': method(manager, 'getModelInfo'),
    'ModelManager#planMemory': method(manager, 'planMemory'),
    'ModelManager#healthCheck': method(manager, 'healthCheck'),
    'ModelManager#clearMemory': method(manager, 'clearMemory'),
    'ModelManager#saveSession': method(manager, 'saveSession', () => [
      'session.gguf',
      { signal: new AbortController().signal },
    ]),
    'ModelManager#loadSession': {
      args: () => ['session.gguf', { signal: new AbortController().signal }],
      async call(...given) {
        await manager.saveSession('session.gguf');
        await manager.loadSession(...given);
      },
    },
    'ModelManager#[Symbol.asyncDispose]': {
      args: () => [],
      call: (...given) => new ModelManager()[Symbol.asyncDispose](...given),
    },
    withModel: {
      args: () => [manager.config.clone(), async () => 1, { onProgress() {}, signal: new AbortController().signal }],
      call: (...given) => api.withModel(...given),
      allows: allowsOwn,
    },
    'ModelManager#unloadModel': { args: () => [], call: (...given) => new ModelManager().unloadModel(...given) },
    'ModelManager#loadModel': {
      args: () => [{ onProgress() {}, signal: new AbortController().signal }],
      call: (...given) => load(manager.config, ...given),
    },
    'ModelManager#loadModel (configuration)': {
      args: () => [sections()],
      call: (given) => load(configured(given)),
      inside: true,
    },
  });
  return all;
}
