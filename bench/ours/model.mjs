// A model behind the public API, and requests whose content does not matter: seeded ids, and noise for pictures.
import { Config, ModelManager } from '../../dist/index.js';

const GREEDY = {
  ...{ temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, frequencyPenalty: 0 },
  ...{ presencePenalty: 0, penaltyLastN: 0, seed: 0 },
  logitBias: { tokens: new Int32Array(), values: new Float32Array() },
};

/**
 * Runs one turn: a function of the options that the suite gave on the command line. Its result, a list of values for each
 * thing it measures, is printed as one JSON line.
 */
export async function turn(measure) {
  try {
    console.log(JSON.stringify(await measure(JSON.parse(process.argv[2]))));
  } catch (error) {
    console.error(error.message);
    process.exit(1); // the engine of an open model would keep the process alive
  }
}

/** @param hardware of `Config`, beside the threads */
export function newManager({ model, threads }, hardware = {}) {
  const config = new Config();
  config.model.path = model;
  config.model.deviceMap = 'cpu';
  Object.assign(config.hardware, { kvCacheType: 'f16', threads }, hardware);
  return new ModelManager(config);
}

export async function openManager(model, hardware = {}) {
  const manager = newManager(model, hardware);
  if (!(await manager.loadModel())) throw manager.lastError;
  return manager;
}

/** Numbers from 0 to 2^32 - 1, the same in every run. */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

export class Workload {
  #random = seeded(1);
  #pictures = 0;

  constructor({ info, engine }) {
    this.info = info;
    this.engine = engine;
  }

  /** Ordinary tokens, no two prompts alike: the control tokens come last in a vocabulary. */
  ids(count) {
    const known = Math.min(this.info.vocabSize >> 1, 1000);
    return Array.from({ length: count }, () => (this.#random() >>> 8) % known);
  }

  /** Rows and columns of a picture of so many tiles, as square as there is. */
  shape(tiles) {
    const shapes = this.info.aspectRatios.filter(([rows, columns]) => rows * columns === tiles);
    const [shape] = shapes.toSorted(([a, b], [c, d]) => Math.abs(a - b) - Math.abs(c - d));
    if (!shape) throw new Error(`the model has no picture of ${tiles} tiles; its limit is ${this.info.maxTiles}`);
    return shape;
  }

  noise(bytes) {
    return Uint8Array.from({ length: bytes }, () => this.#random() >>> 24);
  }

  /** A picture that was not there before, as the engine takes it. */
  picture(tiles) {
    const shape = this.shape(tiles);
    const aspectRatioId = 1 + this.info.aspectRatios.indexOf(shape);
    const key = `noise ${this.#pictures++}`;
    return { tiles: this.noise(tiles * this.info.tileSize ** 2 * 3), tileCount: tiles, aspectRatioId, key };
  }

  /**
   * Generates exactly `maxTokens` greedily, and takes every piece as a caller does.
   *
   * @returns seconds from the call to the result, and what the engine says of it
   */
  async generate({ promptTokens, maxTokens, pictures = [] }) {
    const image = this.engine.tokenize([{ special: this.info.imageToken }])[0];
    const ids = [...pictures.map(() => image), ...this.ids(promptTokens)];
    const pieces = [];
    const start = performance.now();
    const request = this.engine.generate(
      {
        ...{ prompt: [{ tokens: Int32Array.from(ids) }], images: pictures, maxTokens, sampling: GREEDY },
        ...{
          stop: [],
          grammar: null,
          logprobs: -1,
          reusePrompt: true,
          promptLookup: 0,
          ignoreEos: true,
          credit: maxTokens,
        },
      },
      { onPiece: (text) => pieces.push(text) },
    );
    const { stats } = await request.done;
    return { seconds: (performance.now() - start) / 1e3, stats };
  }
}

/** Values of so many repetitions, after one that is not counted. */
export async function repeated(count, measure) {
  await measure();
  const values = [];
  for (let i = 0; i < count; i++) values.push(await measure());
  return values;
}
