// Subjects: Generation and Batch.
import { allowsOwn } from './subject.mjs';

export function generationSubjects({ api, text }) {
  const { Generation, Batch } = api;
  const all = {};
  const generation = () => text.generate('hello', { maxTokens: 4 });
  const batch = () => text.batchGenerate(['a', 'b'], { maxTokens: 1 });
  for (const [name, make] of Object.entries({ Generation: generation, Batch: batch })) {
    Object.assign(all, {
      [`${name}#then`]: {
        args: () => [(x) => x, () => {}],
        call: (...given) => make().then(...given),
        allows: allowsOwn,
      },
      [`${name}#catch`]: { args: () => [() => {}], call: (...given) => make().catch(...given), allows: allowsOwn },
      [`${name}#finally`]: { args: () => [() => {}], call: (...given) => make().finally(...given), allows: allowsOwn },
      [`${name}#[Symbol.asyncIterator]`]: {
        args: () => [],
        call: (...given) =>
          make()
            [Symbol.asyncIterator](...given)
            .next(...given),
      },
      [`${name}#cancel`]: {
        args: () => [new Error('enough')],
        async call(reason) {
          const begun = make();
          begun.cancel(reason);
          await begun.catch((error) => {
            if (!Object.is(error, reason)) throw error;
          });
        },
      },
    });
  }
  all['Generation#drain'] = { args: () => [], call: (...given) => generation().drain(...given) };
  Object.assign(all, {
    Generation: {
      args: () => [
        async (control) => control.connect(() => {}),
        { signal: new AbortController().signal, onToken() {}, timeout: 1000 },
      ],
      call: (...given) => new Generation(...given),
      allows: allowsOwn,
    },
    Batch: {
      args: () => [
        () => ({ total: 2, concurrency: 1, run: async (i) => i, collect: (items) => items }),
        { signal: new AbortController().signal, onProgress() {} },
      ],
      call: (...given) => new Batch(...given),
      allows: allowsOwn,
    },
    'Batch (what the plan gives)': {
      args: () => [{ total: 1, concurrency: 1, run: async (i) => i, collect: (items) => items, close() {} }],
      call: (work) => new Batch(async () => work),
      inside: true,
      waits: true,
      allows: allowsOwn,
    },
  });
  return all;
}
