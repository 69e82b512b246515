// Subjects: safeGenerate, retry, monitorPerformance.
import { THROWN } from '../odd-values.mjs';
import { allowsOwn } from './subject.mjs';

export function reliabilitySubjects({ api, manager, text, one }) {
  const all = {};
  Object.assign(all, {
    safeGenerate: {
      args: () => [text, 'hello', { ...one(), maxRetries: 1, retryDelay: 0 }],
      call: (...given) => api.safeGenerate(...given),
    },
    retry: {
      args: () => [async () => 1, { maxRetries: 1, retryDelay: 0, manager }],
      call: (...given) => api.retry(...given),
      allows: allowsOwn,
    },
    'retry (what fails)': {
      args: () => [{ maxRetries: 1, retryDelay: 0, manager, onRetry() {} }],
      call(options) {
        let failed = false;
        return api.retry(() => {
          if (failed) return 1;
          failed = true;
          throw new api.OutOfMemoryError('once');
        }, options);
      },
      inside: true,
    },
    monitorPerformance: {
      args: () => [async () => ({ ok: true })],
      call: (...given) => api.monitorPerformance(...given)(),
      allows: allowsOwn,
    },
    'monitorPerformance (what the function gives)': {
      args: () => [{ result: { ok: true } }],
      call: (given) => api.monitorPerformance(async () => given.result)(),
      inside: true,
      waits: true,
      allows: (error) => error === THROWN || error instanceof TypeError, // of the caller's function
    },
  });
  return all;
}
