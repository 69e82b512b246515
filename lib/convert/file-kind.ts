/** What a file is that should be safetensors but is not, told by its first bytes: names can lie. */

import { ModelFormatError } from '../errors.js';

/** So many of a file's first bytes are enough. */
export const KIND_BYTES = 512;

interface Kind {
  /** With its article. */
  what: string;
  advice: string;
  matches(head: Uint8Array): boolean;
}

const PICKLE_ADVICE = 'pickle can run code when it is read, so it is never read here: use the safetensors checkpoint';

const startsWith = (head: Uint8Array, bytes: string, at = 0): boolean =>
  Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1', at, at + bytes.length) === bytes;

const KINDS: readonly Kind[] = [
  {
    what: 'a pickle file',
    advice: PICKLE_ADVICE,
    matches: (head) => head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 0) <= 5, // PROTO, 2 to 5
  },
  {
    what: 'a zip archive, as PyTorch writes for .pt, .pth and .bin',
    advice: PICKLE_ADVICE,
    matches: (head) => startsWith(head, 'PK\x03\x04') || startsWith(head, 'PK\x05\x06'),
  },
  {
    what: 'a tar archive, as old PyTorch wrote',
    advice: PICKLE_ADVICE,
    matches: (head) => startsWith(head, 'ustar', 257),
  },
  {
    what: 'an HDF5 file, as Keras writes',
    advice: 'use the safetensors checkpoint',
    matches: (head) => startsWith(head, '\x89HDF\r\n\x1a\n'),
  },
  {
    what: 'a GGUF file',
    advice: 'it is converted already: load it as it is',
    matches: (head) => startsWith(head, 'GGUF'),
  },
  {
    what: 'a pointer of Git LFS, not the file itself',
    advice: 'fetch the file with "git lfs pull"',
    matches: (head) => startsWith(head, 'version https://git-lfs'),
  },
  {
    what: 'a web page',
    advice: 'the download went wrong: download it again',
    matches: (head) => /^\s*<(!doctype|html)/i.test(Buffer.from(head).toString('latin1')),
  },
];

/** @throws ModelFormatError when the first bytes of a file are those of another kind, with what to do */
export function refuseForeignKind(head: Uint8Array, name: string): void {
  const kind = KINDS.find(({ matches }) => matches(head));
  if (kind !== undefined) throw new ModelFormatError(`${name} is ${kind.what}; ${kind.advice}`);
}
