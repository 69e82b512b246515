/** SHA-256 whose state can be kept, so that a download that goes on need not read again what it has. */

import { setImmediate as breathe } from 'node:timers/promises';
import { createSHA256, type IHasher } from 'hash-wasm';

/** Hashed in one go; the event loop runs between. */
const STEP_BYTES = 1024 * 1024;

export class ResumableHash {
  private constructor(private readonly hasher: IHasher) {}

  /** @param state of an earlier `save`; without it from the start. @throws when the state is none */
  static async create(state?: string): Promise<ResumableHash> {
    const hasher = await createSHA256();
    return new ResumableHash(state === undefined ? hasher.init() : hasher.load(Buffer.from(state, 'base64')));
  }

  async update(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += STEP_BYTES) {
      if (at > 0) await breathe();
      this.hasher.update(bytes.subarray(at, at + STEP_BYTES));
    }
  }

  save(): string {
    return Buffer.from(this.hasher.save()).toString('base64');
  }

  /** 64 hexadecimal digits. The hash is at its end with it. */
  digest(): string {
    return this.hasher.digest();
  }
}
