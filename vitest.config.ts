import { defineConfig } from 'vitest/config';

/** Programs that run in a process of their own are plain Node: they are taken from dist/, which the build has made. */
const compiledPrograms = {
  name: 'compiled-programs',
  enforce: 'pre' as const,
  transform(code: string, id: string) {
    if (!id.includes('/lib/')) return undefined;
    const compiled = new URL('./', id.replace(/^.*\/lib\//, new URL('dist/', import.meta.url).href)).href;
    return code.replace(/new URL\('\.\/([\w-]+\.js)', import\.meta\.url\)/g, `new URL('${compiled}$1')`);
  },
};

/** Milliseconds, more of them where an emulator is slower than a processor (test/support/patience.ts). */
const patient = (limit: number) => limit * Number(process.env.BLLOSSOM_SLOWNESS ?? 1);

/** A test that wants to download says so. */
const offline = { HF_HUB_OFFLINE: '1' };

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [compiledPrograms],
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          env: offline,
          testTimeout: patient(30_000),
          hookTimeout: patient(120_000),
        },
      },
      {
        // One file at a time: every file loads models and computes on all cores.
        plugins: [compiledPrograms],
        test: {
          name: 'addon',
          include: ['test/addon/**/*.test.ts'],
          env: offline,
          pool: 'forks',
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: patient(120_000),
          hookTimeout: patient(120_000),
        },
      },
      {
        // What runs in processes of its own: they start, wait and compute a little, so several files at once.
        plugins: [compiledPrograms],
        test: {
          name: 'programs',
          include: ['test/programs/**/*.test.ts'],
          env: offline,
          pool: 'forks',
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
          testTimeout: patient(120_000),
          hookTimeout: patient(120_000),
        },
      },
    ],
  },
});
