// Running programs for the release check.
import { spawnSync } from 'node:child_process';

/** Runs a program to its end. Returns stdout, stderr and seconds. @throws Error with what it printed when it fails */
export function run(program, args, options = {}) {
  const begin = performance.now();
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    ...options,
  });
  if (error) throw error;
  if (status !== 0) {
    const tail = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n').slice(-30).join('\n  ');
    throw new Error(`\`${[program, ...args].join(' ')}\` ended with ${signal ?? `exit code ${status}`}\n  ${tail}`);
  }
  return { stdout, stderr, seconds: (performance.now() - begin) / 1000 };
}
