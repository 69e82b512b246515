import { isUint8Array } from 'node:util/types';
import { checkArray, checkFunction, checkInteger, checkString, fail, reading } from '../check.js';
import { BllossomError, IoError } from '../errors.js';
import type { CheckpointFiles, RandomAccessFile } from './tensor-source.js';

/** Names in one folder. */
const MAX_NAMES = 100_000;

/**
 * Files that the caller reads for us: what its functions throw becomes an `IoError`, what they return is checked.
 *
 * @throws InvalidArgumentError when one of the functions is missing
 */
export function callersFiles(files: CheckpointFiles): CheckpointFiles {
  const { location, list, readText, open } = reading('source cannot be read', () => ({
    location: checkString('source.location', files.location),
    list: checkFunction('source.list', files.list).bind(files),
    readText: checkFunction('source.readText', files.readText).bind(files),
    open: checkFunction('source.open', files.open).bind(files),
  }));
  return {
    location,
    async list() {
      const names = checkArray('what source.list gave', await attempt(`list ${location}`, list), MAX_NAMES);
      return names.map((name, i) => checkString(`what source.list gave [${i}]`, name));
    },
    async readText(name) {
      return checkString(`the text of ${name}`, await attempt(`read ${name}`, () => readText(name)));
    },
    async open(name) {
      return callersFile(name, await attempt(`open ${name}`, () => open(name)));
    },
  };
}

function callersFile(name: string, file: RandomAccessFile): RandomAccessFile {
  const { size, read, close } = reading(`${name} cannot be read`, () => ({
    size: checkInteger(`the size of ${name}`, file?.size, { min: 0 }),
    read: checkFunction(`read of ${name}`, file.read).bind(file),
    close: checkFunction(`close of ${name}`, file.close).bind(file),
  }));
  return {
    size,
    async read(offset, length) {
      const bytes = await attempt(`read ${name}`, () => read(offset, length));
      if (!isUint8Array(bytes) || bytes.length !== length)
        fail(`a read of ${name}`, `a Uint8Array of ${length}`, bytes);
      return new Uint8Array(bytes); // a copy: the caller may use its own again
    },
    close: () => attempt(`close ${name}`, close),
  };
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof BllossomError) throw cause;
    throw new IoError(`Cannot ${what}: ${cause instanceof Error ? cause.message : 'the source failed'}`, { cause });
  }
}
