/** Pictures that are made ready once, and kept in the engine until they are let go. */

import { abortable } from './abortable.js';
import { isInstance } from './check.js';
import { type BllossomError, ClosedError, InvalidArgumentError } from './errors.js';
import type { ImageSource } from './image/decode.js';
import type { PreparedImage } from './image/prepare.js';
import type { LoadedModel } from './model-manager.js';
import type { Engine, KeptSlot } from './native/engine.js';

/** An image, or one that `VisionGenerator.encodeImage` made ready. */
export type ImageInput = ImageSource | EncodedImage;

export interface EncodeImageOptions {
  /** Gives it up; the call then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** What a request is given. @throws InvalidArgumentError, ClosedError when it is not one of this model's, or released */
export let tilesOf: (image: EncodedImage, model: LoadedModel) => PreparedImage;

/** The bytes of the image file, for keeping. @throws as `tilesOf` */
export let fileOf: (image: EncodedImage, model: LoadedModel) => Uint8Array;

/** The tiles of bytes that `fileOf` gave, as long as their image may be used; of anything else, none. */
export let tilesOfFile: (file: ImageSource, model: LoadedModel) => PreparedImage | undefined;

/** Images by their files. */
const encoded = new WeakMap<object, WeakRef<EncodedImage>>();

/** Where a kept image lies. */
interface Place extends KeptSlot {
  engine: Engine;
}

/** Lets go of what its owner forgot. Only of the place in the engine: the rest is the garbage collector's own. */
const forgotten = new FinalizationRegistry<Place>((place) => {
  letGo(place).catch(() => {});
});

/**
 * A picture that is ready for questions: decoded, cut into tiles, and its keys and values in the engine. It stands
 * wherever an image may stand, and a question about it costs neither decoding nor the vision tower.
 *
 * It takes one of the `hardware.maxImages` places until `release()`, the end of an `await using` block, or the unloading of
 * its model; neither other images nor `clearMemory()` drive it out. One that is forgotten is released when the garbage
 * collector finds it, which may be late: release it yourself.
 *
 * @example
 * await using chart = await vision.encodeImage('chart.png');
 * const title = await vision.answerVisualQuestion(chart, 'What is the title?');
 * const trend = await vision.answerVisualQuestion(chart, 'What is the trend?');
 */
export class EncodedImage implements AsyncDisposable {
  /** Of the decoded image, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Tiles that it was cut into. */
  readonly tiles: number;
  /** Seconds that the vision tower took; 0 when the engine knew the image already. */
  readonly encodeTime: number;
  readonly #file: Uint8Array;
  readonly #prepared: PreparedImage;
  readonly #place: Place;
  #releasing: Promise<void> | undefined;

  /** @internal */
  constructor(file: Uint8Array, prepared: PreparedImage, place: Place) {
    this.width = prepared.width;
    this.height = prepared.height;
    this.tiles = prepared.tileCount;
    this.encodeTime = place.encodeTime;
    this.#file = file;
    this.#prepared = prepared;
    this.#place = place;
    forgotten.register(this, place, this);
    encoded.set(file, new WeakRef(this));
  }

  get released(): boolean {
    return this.#releasing !== undefined;
  }

  /**
   * Gives its place to others; from now on it is refused as an image. Answers under way go on. Harmless when it is called
   * again, and when the model is gone.
   */
  release(): Promise<void> {
    if (!this.#releasing) {
      forgotten.unregister(this);
      this.#releasing = letGo(this.#place);
    }
    return this.#releasing;
  }

  /** The same as `release`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** Why a model cannot use it; nothing when it can. */
  #refusal({ engine }: LoadedModel): BllossomError | undefined {
    if (this.released) {
      return new InvalidArgumentError(
        'The encoded image was released: pass the image itself, or encode it again with encodeImage()',
      );
    }
    if (this.#place.engine === engine) return undefined;
    if (this.#place.engine.closed) {
      return new ClosedError(
        'The model of the encoded image was unloaded: pass the image itself, or encode it again with encodeImage()',
      );
    }
    return new InvalidArgumentError(
      "The encoded image belongs to another manager's model: encode it with a generator of this one",
    );
  }

  #usable(model: LoadedModel): this {
    const refusal = this.#refusal(model);
    if (refusal) throw refusal;
    return this;
  }

  static {
    tilesOf = (image, model) => image.#usable(model).#prepared;
    fileOf = (image, model) => image.#usable(model).#file;
    tilesOfFile = (file, model) => {
      const image = encoded.get(file as object)?.deref();
      return image && !image.#refusal(model) ? image.#prepared : undefined;
    };
  }
}

/** @throws what `VisionGenerator.encodeImage` names */
export async function encodeImage(
  { engine, processor }: LoadedModel,
  source: ImageSource,
  signal: AbortSignal = new AbortController().signal,
): Promise<EncodedImage> {
  const file = await abortable(processor.readImage(source, signal), signal);
  const prepared = await abortable(processor.prepareImage(file, { signal }), signal);
  const { width: _width, height: _height, ...native } = prepared;
  const slot = await engine.encodeImage(native, { signal });
  return new EncodedImage(file, prepared, { engine, ...slot });
}

async function letGo({ engine, id }: Place): Promise<void> {
  try {
    await engine.releaseImage(id);
  } catch (error) {
    if (!isInstance(error, ClosedError)) throw error; // with its model it is gone anyway
  }
}
