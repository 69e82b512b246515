// Subjects: what reads and writes model files.

export function weightsSubjects({ api, files, manager }) {
  const all = {};
  all.inspectGguf = { args: () => [files.model], call: (...given) => api.inspectGguf(...given) };
  all.collectImportance = {
    args: () => [
      manager,
      {
        ...{ output: 'importance.gguf', texts: [files.config], images: [files.image], prompt: '?', chunk: 8 },
        ...{ maxChunks: 1, onProgress() {}, signal: new AbortController().signal },
      },
    ],
    call: (...given) => api.collectImportance(...given),
  };

  all.convertCheckpoint = {
    args: () => [{ source: files.checkpoint, output: 'converted.gguf', type: 'F16', threads: 1, onProgress() {} }],
    call: (...given) => api.convertCheckpoint(...given),
  };
  all.rewriteModel = {
    args: () => [{ source: files.model, output: 'rewritten.gguf', visionType: 'Q8_0', threads: 1, onProgress() {} }],
    call: (...given) => api.rewriteModel(...given),
  };

  all.exportText = {
    args: () => [{ source: files.model, output: 'text.gguf', onProgress() {} }],
    call: (...given) => api.exportText(...given),
  };
  return all;
}
