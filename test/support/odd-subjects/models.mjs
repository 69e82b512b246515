// Subjects: the models of the cache, and pulling.
import { mkdirSync, writeFileSync } from 'node:fs';
import { allowsOwn } from './subject.mjs';

export function modelsSubjects({ api, files }) {
  const all = {};
  const recorded = () => ({
    ...{ version: 1, repository: 'a/b', revision: 'main', type: 'F32', bytes: 1, sha256: '0'.repeat(64) },
    ...{ sources: [], created: '2026-01-02' },
  });
  const installed = () => ({ file: files.model, name: 'a/b', type: 'F32', bytes: 1, record: recorded() });
  Object.assign(all, {
    knownModels: { args: () => [], call: (...given) => api.knownModels(...given) },
    resolveModel: { args: () => ['aica-5b@main'], call: (...given) => api.resolveModel(...given) },
    listModels: { args: () => ['.', { name: 'aica-5b', type: 'F16' }], call: (...given) => api.listModels(...given) },
    removeModel: { args: () => ['.', { file: 'none.gguf' }], call: (...given) => api.removeModel(...given) },
    verifyModel: {
      args: () => [installed(), { onProgress() {}, signal: new AbortController().signal }],
      call: (...given) => api.verifyModel(...given),
      allows: allowsOwn,
    },
  });

  // The network is off (HF_HUB_OFFLINE), so the call as it should be finds its model in the cache.
  mkdirSync('pulled', { recursive: true });
  writeFileSync('pulled/odd--cached.F16.gguf', 'x');
  const pulled = {
    ...recorded(),
    repository: 'odd/cached',
    type: 'F16',
    sources: [{ file: 'a.gguf', size: 1, sha256: '0'.repeat(64) }],
  };
  writeFileSync('pulled/odd--cached.F16.gguf.json', JSON.stringify(pulled));
  all.pullModel = {
    args: () => [
      {
        ...{ model: 'odd/cached', type: 'F16', revision: 'main', file: 'a.gguf', token: 'hf_none', cacheDir: 'pulled' },
        ...{ force: false, threads: 1, onProgress() {}, signal: new AbortController().signal },
      },
    ],
    call: (...given) => api.pullModel(...given),
    allows: allowsOwn,
  };
  return all;
}
