import { describe, expect, it } from 'vitest';
import { callersFiles } from '../../lib/convert/callers-files.js';
import type { CheckpointFiles } from '../../lib/convert/tensor-source.js';
import { InvalidArgumentError, IoError, ModelFormatError } from '../../lib/errors.js';

const BYTES = Uint8Array.of(1, 2, 3, 4);

function files(change: object = {}): CheckpointFiles {
  return callersFiles({
    location: 'a place',
    list: async () => ['config.json'],
    readText: async (name) => `text of ${name}`,
    open: async () => ({
      size: BYTES.length,
      read: async (offset, length) => BYTES.subarray(offset, offset + length),
      close: async () => {},
    }),
    ...change,
  });
}

describe('files that the caller reads', () => {
  it('give what they give', async () => {
    const source = files();
    expect([source.location, await source.list(), await source.readText('x')]).toEqual([
      ...['a place', ['config.json'], 'text of x'],
    ]);
    const file = await source.open('y');
    expect([file.size, [...(await file.read(1, 2))]]).toEqual([4, [2, 3]]);
    await file.close();
  });

  it('keep their this', async () => {
    class Own implements CheckpointFiles {
      location = 'own';
      names = ['a'];
      async list() {
        return this.names;
      }
      async readText() {
        return this.location;
      }
      open = files().open;
    }
    const source = callersFiles(new Own());
    expect([await source.list(), await source.readText('x')]).toEqual([['a'], 'own']);
  });

  it('give bytes that stay as they are when the caller uses its own again', async () => {
    const own = Uint8Array.of(1, 2);
    const source = files({ open: async () => ({ size: 2, read: async () => own, close: async () => {} }) });
    const bytes = await (await source.open('x')).read(0, 2);
    own.fill(9);
    expect([...bytes]).toEqual([1, 2]);
  });

  it('that throw become an IoError with that as the cause', async () => {
    const cause = new Error('gone');
    const fail = async () => {
      throw cause;
    };
    await expect(files({ list: fail }).list()).rejects.toMatchObject({ code: 'ERR_IO', cause });
    await expect(files({ readText: fail }).readText('x')).rejects.toBeInstanceOf(IoError);
    await expect(files({ open: fail }).open('x')).rejects.toThrow('Cannot open x: gone');
  });

  it('may throw a typed error themselves', async () => {
    const own = new ModelFormatError('broken');
    const list = async () => {
      throw own;
    };
    await expect(files({ list }).list()).rejects.toBe(own);
  });

  const wrong: [string, (source: typeof files) => unknown][] = [
    ['no location', (make) => make({ location: undefined })],
    ['a function that is missing', (make) => make({ open: undefined })],
    ['names that are none', (make) => make({ list: async () => [5] }).list()],
    ['no list of names', (make) => make({ list: async () => 'config.json' }).list()],
    ['a text that is none', (make) => make({ readText: async () => null }).readText('x')],
    ['no file', (make) => make({ open: async () => null }).open('x')],
    ['a file without a size', (make) => make({ open: async () => ({ read: fail, close: fail }) }).open('x')],
    ['bytes too few', (make) => read(make, async () => BYTES.subarray(1))],
    ['bytes of another kind', (make) => read(make, async () => [1, 2, 3, 4])],
  ];
  function fail(): never {
    throw new Error('not called');
  }
  async function read(make: typeof files, readBytes: () => Promise<unknown>): Promise<unknown> {
    const source = make({ open: async () => ({ size: 4, read: readBytes, close: async () => {} }) });
    return (await source.open('x')).read(0, 4);
  }
  it.each(wrong)('with %s are refused', async (_, use) => {
    await expect((async () => use(files))()).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});
