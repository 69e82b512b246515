import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as errors from '../../lib/errors.js';

const header = readFileSync(new URL('../../cpp/engine/error.h', import.meta.url), 'utf8');

describe('error codes', () => {
  it('are those of the engine, in its order', () => {
    const body = header.match(/enum class error_code \{(.*?)\};/s)?.[1] ?? '';
    const named = [...body.matchAll(/^\s*(\w+),\s*\/\/ (ERR_[A-Z_]+)/gm)];
    expect(named.map(([, , code]) => code)).toEqual([...errors.ERROR_CODES]);
    for (const [, name, code] of named) expect(`ERR_${name?.toUpperCase()}`).toBe(code);
  });

  it.each(errors.ERROR_CODES)('%s becomes a class of its own', (code) => {
    const error = errors.errorFromNative({ code, message: 'what failed' });
    expect(error).toBeInstanceOf(errors.BllossomError);
    expect(error.constructor).not.toBe(errors.BllossomError);
    expect([error.code, error.message]).toEqual([code, 'what failed']);
    expect(error.stack).toContain('what failed');
  });

  it('have as many classes as codes', () => {
    const classes = new Set(
      errors.ERROR_CODES.map((code) => errors.errorFromNative({ code, message: '' }).constructor),
    );
    expect(classes.size).toBe(errors.ERROR_CODES.length);
  });

  it('an unknown code is a fault of ours', () => {
    for (const code of ['ERR_NEW', 'constructor', '']) {
      const error = errors.errorFromNative({ code, message: 'm' });
      expect(error).toBeInstanceOf(errors.InternalError);
      expect(error.message).toBe(`m (code ${code})`);
    }
  });
});

describe('error classes', () => {
  it('carry their name and their cause', () => {
    const cause = new Error('below');
    const error = new errors.OutOfMemoryError('no room', { cause });
    expect([error.name, error.cause]).toEqual(['OutOfMemoryError', cause]);
    expect('cause' in new errors.OutOfMemoryError('no room')).toBe(false);
  });

  it('want of memory comes with its numbers, through every conversion', () => {
    const shortage = { needed: 8, available: 4, wouldFit: { contextSize: 2048 } };
    const native = Object.assign(new Error('no room'), { code: 'ERR_OUT_OF_MEMORY', ...shortage });
    for (const error of [
      errors.errorFromNative({ code: 'ERR_OUT_OF_MEMORY', message: 'no room', ...shortage }),
      errors.toBllossomError(native),
      errors.errorLike(new errors.OutOfMemoryError('below', shortage), 'no room'),
    ]) {
      expect(error).toBeInstanceOf(errors.OutOfMemoryError);
      expect(error).toMatchObject({ message: 'no room', ...shortage });
    }
    expect(new errors.OutOfMemoryError('no room')).toMatchObject({ needed: null, available: null, wouldFit: null });
    for (const needed of ['8', -1, Number.NaN, null]) {
      const odd = { needed } as unknown as errors.OutOfMemoryOptions;
      expect(() => new errors.OutOfMemoryError('no room', odd)).toThrow(errors.InvalidArgumentError);
    }
  });

  it('cancellation has the name that the platform uses', () => {
    expect(new errors.CancelledError().name).toBe('AbortError');
  });

  it('what native calls throw is typed', () => {
    const native = Object.assign(new Error('not loaded'), { code: 'ERR_NOT_LOADED' });
    expect(errors.toBllossomError(native)).toBeInstanceOf(errors.ModelNotLoadedError);
    expect(errors.toBllossomError(new TypeError('x'))).toBeInstanceOf(errors.InternalError);
    const own = new errors.IoError('x');
    expect(errors.toBllossomError(own)).toBe(own);
  });
});
