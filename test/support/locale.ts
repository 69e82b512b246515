import { afterEach, beforeEach } from 'vitest';

const NAMES = ['LC_ALL', 'LC_MESSAGES', 'LANG'] as const;

/** Every test of the file begins in the locale C and may set another. */
export function isolateLocale(): void {
  const before = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]));
  beforeEach(() => {
    for (const name of NAMES) delete process.env[name];
  });
  afterEach(() => {
    for (const name of NAMES) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });
}
