/**
 * Every failure that leaves this package: a class to catch, a `code` to switch on and one sentence that says what
 * failed, the value seen, the limit and what to do. `cpp/engine/error.h` holds the same codes; a test compares the two.
 */

export const ERROR_CODES = [
  'ERR_INVALID_OPTION',
  'ERR_MODEL_NOT_FOUND',
  'ERR_MODEL_FORMAT',
  'ERR_MODEL_UNSUPPORTED',
  'ERR_MODEL_OUTPUT',
  'ERR_OUT_OF_MEMORY',
  'ERR_CONTEXT_FULL',
  'ERR_IMAGE_DECODE',
  'ERR_IMAGE_LIMIT',
  'ERR_CONNECTION',
  'ERR_IO',
  'ERR_BACKEND',
  'ERR_TIMEOUT',
  'ERR_CANCELLED',
  'ERR_CLOSED',
  'ERR_NOT_LOADED',
  'ERR_NATIVE_MISSING',
  'ERR_INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface ErrorOptions {
  cause?: unknown;
}

/** The base class: `error instanceof BllossomError` is true for everything this package raises. */
export class BllossomError extends Error {
  readonly code: ErrorCode;

  /** @throws InvalidArgumentError when an error cannot be made of what is given */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    if (!ERROR_CODES.includes(code)) throw new InvalidArgumentError(`Expected one of ERROR_CODES for code`);
    if (typeof message !== 'string') throw new InvalidArgumentError('Expected a string for message');
    super(message, readCause(options));
    this.name = new.target.name;
    this.code = code;
  }
}

/** A cause may be undefined, which is not the same as none. */
function readCause(options: ErrorOptions | undefined): { cause: unknown } | undefined {
  if (options === undefined) return undefined;
  try {
    return 'cause' in options ? { cause: options.cause } : undefined;
  } catch (cause) {
    throw new InvalidArgumentError('Expected an object with a cause for options', { cause });
  }
}

/** An argument or option of the call is wrong. */
export class InvalidArgumentError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_INVALID_OPTION', message, options);
  }
}

export { InvalidArgumentError as InvalidOptionError };

/** No model file where one was expected. */
export class ModelNotFoundError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_MODEL_NOT_FOUND', message, options);
  }
}

/** The model file (or its chat template) is damaged or contradicts itself. */
export class ModelFormatError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_MODEL_FORMAT', message, options);
  }
}

/** A sound file that this engine does not run. */
export class ModelUnsupportedError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_MODEL_UNSUPPORTED', message, options);
  }
}

/** What the model gave cannot be used: it computed NaN or infinity, or its answer fails the checks of a schema. */
export class ModelOutputError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_MODEL_OUTPUT', message, options);
  }
}

/** Options of the configuration with which the same model fits: only those that would have to change. */
export interface FittingOptions {
  /** `model.deviceMap` */
  deviceMap?: string;
  /** These are of `hardware`. */
  gpuLayers?: number;
  kvCacheType?: 'f16' | 'q8_0';
  maxImages?: number;
  contextSize?: number;
}

export interface OutOfMemoryOptions extends ErrorOptions {
  needed?: number | undefined;
  available?: number | undefined;
  wouldFit?: FittingOptions | undefined;
}

/** The memory plan does not fit, or an allocation failed. The engine stays usable. */
export class OutOfMemoryError extends BllossomError {
  /** Bytes, where they were short; null when that is not known. */
  readonly needed: number | null;
  /** Bytes that may be used there; null when that is not known. */
  readonly available: number | null;
  /** Null when it is not known, and when nothing would. */
  readonly wouldFit: Readonly<FittingOptions> | null;

  /** @throws InvalidArgumentError when an error cannot be made of what is given */
  constructor(message: string, options?: OutOfMemoryOptions) {
    super('ERR_OUT_OF_MEMORY', message, options);
    const { needed, available, wouldFit } = readShortage(options);
    this.needed = needed;
    this.available = available;
    this.wouldFit = wouldFit;
  }
}

function readShortage(options: OutOfMemoryOptions | undefined) {
  try {
    const { needed, available, wouldFit } = options ?? {};
    return { needed: readBytes(needed), available: readBytes(available), wouldFit: wouldFit ? { ...wouldFit } : null };
  } catch (cause) {
    throw new InvalidArgumentError('Expected numbers of bytes for needed and available, and options for wouldFit', {
      cause,
    });
  }
}

function readBytes(value: number | undefined): number | null {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return value ?? null;
  throw new TypeError('not a number of bytes');
}

/** More tokens or images than the context holds. */
export class ContextFullError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_CONTEXT_FULL', message, options);
  }
}

/** Not an image, or a damaged one. */
export class ImageDecodeError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_IMAGE_DECODE', message, options);
  }
}

/** An image over the limits (bytes, pixels, pages). */
export class ImageLimitError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_IMAGE_LIMIT', message, options);
  }
}

/** A download failed. */
export class ConnectionError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_CONNECTION', message, options);
  }
}

/** Reading or writing a file failed. */
export class IoError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_IO', message, options);
  }
}

/** A device (GPU, driver) failed. */
export class BackendError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_BACKEND', message, options);
  }
}

/** The time that the caller allowed is over. */
export class TimeoutError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_TIMEOUT', message, options);
  }
}

/** The caller gave up. Named `AbortError`, as the platform names it; a call with a signal rejects with its `reason`. */
export class CancelledError extends BllossomError {
  constructor(message = 'The operation was cancelled', options?: ErrorOptions) {
    super('ERR_CANCELLED', message, options);
    this.name = 'AbortError';
  }
}

/** The engine was closed or the model unloaded while the work was open. */
export class ClosedError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_CLOSED', message, options);
  }
}

/** No model is loaded. */
export class ModelNotLoadedError extends BllossomError {
  constructor(message = 'No model is loaded: call loadModel() first', options?: ErrorOptions) {
    super('ERR_NOT_LOADED', message, options);
  }
}

/** The native addon could not be loaded. */
export class NativeMissingError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_NATIVE_MISSING', message, options);
  }
}

/** A fault of this package. */
export class InternalError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_INTERNAL', message, options);
  }
}

const CLASS_OF_CODE: Record<ErrorCode, new (message: string, options?: ErrorOptions) => BllossomError> = {
  ERR_INVALID_OPTION: InvalidArgumentError,
  ERR_MODEL_NOT_FOUND: ModelNotFoundError,
  ERR_MODEL_FORMAT: ModelFormatError,
  ERR_MODEL_UNSUPPORTED: ModelUnsupportedError,
  ERR_MODEL_OUTPUT: ModelOutputError,
  ERR_OUT_OF_MEMORY: OutOfMemoryError,
  ERR_CONTEXT_FULL: ContextFullError,
  ERR_IMAGE_DECODE: ImageDecodeError,
  ERR_IMAGE_LIMIT: ImageLimitError,
  ERR_CONNECTION: ConnectionError,
  ERR_IO: IoError,
  ERR_BACKEND: BackendError,
  ERR_TIMEOUT: TimeoutError,
  ERR_CANCELLED: CancelledError,
  ERR_CLOSED: ClosedError,
  ERR_NOT_LOADED: ModelNotLoadedError,
  ERR_NATIVE_MISSING: NativeMissingError,
  ERR_INTERNAL: InternalError,
};

/** The typed error for what the native side reports. An unknown code is a fault of ours. */
export function errorFromNative(failure: { code: string; message: string } & OutOfMemoryOptions): BllossomError {
  const { code, message, needed, available, wouldFit } = failure;
  const known = Object.hasOwn(CLASS_OF_CODE, code);
  if (!known) return new InternalError(`${message} (code ${code})`);
  if (code === 'ERR_OUT_OF_MEMORY') return new OutOfMemoryError(message, { needed, available, wouldFit });
  return new CLASS_OF_CODE[code as ErrorCode](message);
}

/** An error of the same class as another, which becomes its cause. */
export function errorLike(cause: BllossomError, message: string): BllossomError {
  if (!(cause instanceof OutOfMemoryError)) return new CLASS_OF_CODE[cause.code](message, { cause });
  const { needed, available, wouldFit } = cause;
  return new OutOfMemoryError(message, {
    cause,
    needed: needed ?? undefined,
    available: available ?? undefined,
    wouldFit: wouldFit ?? undefined,
  });
}

/** What a native call threw, as a typed error. Anything that carries no code of ours is returned as `InternalError`. */
export function toBllossomError(error: unknown): BllossomError {
  if (error instanceof BllossomError) return error;
  const { code, message, needed, available, wouldFit } = error as {
    code?: unknown;
    message?: unknown;
  } & OutOfMemoryOptions;
  if (code === 'ERR_OUT_OF_MEMORY') {
    return new OutOfMemoryError(String(message), { cause: error, needed, available, wouldFit });
  }
  if (typeof code === 'string' && Object.hasOwn(CLASS_OF_CODE, code)) {
    return new CLASS_OF_CODE[code as ErrorCode](String(message), { cause: error });
  }
  return new InternalError(String(message ?? error), { cause: error });
}
