/** Names that a hub gives, before anything is done with them. A hub may lie. */

import { show } from '../check.js';
import { ModelFormatError } from '../errors.js';

const MAX_NAME_BYTES = 255;
const MAX_DEPTH = 16;

/** Devices of Windows, with any extension. */
const DEVICES = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant
const FORBIDDEN = /[\u0000-\u001f\u007f\\:*?"<>|]/;

/**
 * The path of a file in a repository, once it is known to name a file below the repository on every system.
 *
 * @throws ModelFormatError
 */
export function checkHubPath(path: string): string {
  const parts = path.split('/');
  const fault = parts.length > MAX_DEPTH ? `more than ${MAX_DEPTH} folders` : parts.map(faultOf).find(Boolean);
  if (fault === undefined) return path;
  throw new ModelFormatError(
    `The hub lists the file ${show(path)}, whose name has ${fault}; nothing of this repository is downloaded`,
  );
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'an empty part';
  if (name === '.' || name === '..') return `the part "${name}"`;
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `a part of more than ${MAX_NAME_BYTES} bytes`;
  if (FORBIDDEN.test(name)) return 'a character that no file name may have';
  if (DEVICES.test(name)) return 'a part that is a device on Windows';
  return /[. ]$/.test(name) ? 'a dot or a space at an end' : undefined;
}

/**
 * Two names that differ only in case are one file on some systems.
 *
 * @throws ModelFormatError
 */
export function checkNoClash(paths: Iterable<string>): void {
  const seen = new Map<string, string>();
  for (const path of paths) {
    const key = path.normalize('NFC').toLowerCase();
    const other = seen.get(key);
    if (other !== undefined) {
      throw new ModelFormatError(
        `The hub lists ${show(other)} and ${show(path)}, which are one file where case does not count; ` +
          'nothing of this repository is downloaded',
      );
    }
    seen.set(key, path);
  }
}
