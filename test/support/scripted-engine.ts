/**
 * A scripted stand-in for the native engine, for what must be seen at an exact moment: credit, order of events,
 * failures. It computes nothing. `test/addon/` runs the same promises on the real engine.
 */

import type {
  NativeEngine,
  NativeEvent,
  NativeMemory,
  NativeModelInfo,
  NativeRequest,
  NativeStats,
} from '../../lib/native/binding.js';
import { Engine } from '../../lib/native/engine.js';

const STATS: NativeStats = {
  promptTokens: 3,
  cachedTokens: 1,
  generatedTokens: 0,
  imagesEncoded: 0,
  tokensGuessed: 0,
  tokensGuessedRight: 0,
  queueTime: 0,
  encodeTime: 0,
  promptTime: 0.5,
  decodeTime: 0.25,
  timeToFirstToken: 0.6,
};

interface Running {
  request: NativeRequest;
  credit: number;
  sent: number;
}

export class ScriptedNative implements NativeEngine {
  readonly running = new Map<number, Running>();
  readonly calls: string[] = [];
  readonly requests: NativeRequest[] = [];
  /** Pieces of every generation. */
  pieces: string[] = [];
  readonly emit: (events: NativeEvent[]) => void;

  constructor(onEvents: (events: NativeEvent[]) => void) {
    this.emit = onEvents;
  }

  #later(events: NativeEvent[]): void {
    setImmediate(() => this.emit(events));
  }

  load(id: number): void {
    this.#later([
      { kind: 'progress', id, value: 0.5 },
      { kind: 'loaded', id, info: { name: 'scripted' } as NativeModelInfo },
    ]);
  }

  unload(id: number): void {
    this.#later([{ kind: 'ok', id }]);
  }

  clearCaches(id: number): void {
    this.#later([{ kind: 'error', id, code: 'ERR_NOT_LOADED', message: 'nothing is loaded' }]);
  }

  generate(id: number, request: NativeRequest): void {
    if (request.maxTokens === 1313) throw Object.assign(new Error('unlucky'), { code: 'ERR_INVALID_OPTION' });
    this.requests.push(request);
    this.running.set(id, { request, credit: request.credit, sent: 0 });
    this.#step(id);
  }

  /** One piece a turn while there is credit. */
  #step(id: number): void {
    setImmediate(() => {
      const run = this.running.get(id);
      if (!run) return;
      const text = this.pieces[run.sent];
      if (text === undefined || run.sent === run.request.maxTokens) {
        this.running.delete(id);
        const stats = { ...STATS, generatedTokens: run.sent };
        const reason = text === undefined ? 'stop' : 'length';
        this.emit([{ kind: 'done', id, reason, tokens: new Int32Array(run.sent), stats, logprobs: null }]);
      } else if (run.credit > 0) {
        run.credit--;
        run.sent++;
        this.emit([{ kind: 'piece', id, text }]);
        this.#step(id);
      }
    });
  }

  grant(id: number, pieces: number): void {
    this.calls.push(`grant ${pieces}`);
    const run = this.running.get(id);
    if (!run) return;
    const parked = run.credit === 0;
    run.credit += pieces;
    if (parked) this.#step(id);
  }

  encodeImage(id: number): void {
    this.calls.push(`encode ${id}`);
    this.#later([{ kind: 'encoded', id, encodeTime: 0.25 }]);
  }

  releaseImage(id: number, kept: number): void {
    this.calls.push(`release ${kept}`);
    this.#later([{ kind: 'ok', id }]);
  }

  cancel(id: number): void {
    this.calls.push('cancel');
    if (this.running.delete(id)) this.#later([{ kind: 'error', id, code: 'ERR_CANCELLED', message: 'cancelled' }]);
  }

  fail(code: string): void {
    for (const id of this.running.keys()) {
      this.running.delete(id);
      this.emit([{ kind: 'error', id, code, message: 'it failed' }]);
    }
  }

  close(): void {
    this.calls.push('close');
    this.fail('ERR_CLOSED');
  }

  evaluate(): void {
    throw new Error('not scripted');
  }
  beginImportance(): void {
    throw new Error('not scripted');
  }
  collect(): void {
    throw new Error('not scripted');
  }
  writeImportance(): void {
    throw new Error('not scripted');
  }
  endImportance(): void {
    throw new Error('not scripted');
  }
  saveSession(): void {
    throw new Error('not scripted');
  }
  loadSession(): void {
    throw new Error('not scripted');
  }
  tokenize(): Int32Array {
    throw Object.assign(new Error('nothing is loaded'), { code: 'ERR_NOT_LOADED' });
  }
  detokenize(): string {
    return '';
  }
  memory(): NativeMemory {
    return { weights: 0, selfCache: 0, crossCache: 0, compute: 0, device: 0, devices: [] };
  }
}

/** An engine on a script. */
export function scriptedEngine(pieces: string[] = []): { engine: Engine; native: ScriptedNative } {
  let native: ScriptedNative | undefined;
  const engine = new Engine({
    Engine: class extends ScriptedNative {
      constructor(onEvents: (events: NativeEvent[]) => void) {
        super(onEvents);
        native = this;
      }
    },
  });
  if (!native) throw new Error('the engine made no native engine');
  native.pieces = pieces;
  return { engine, native };
}
