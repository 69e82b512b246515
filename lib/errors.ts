/** Every failure is a `BllossomError` with a stable `code`; the message says what failed, the value, the limit, and what to do. */
export class BllossomError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An argument of the call is wrong. */
export class InvalidOptionError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_INVALID_OPTION', message, options);
  }
}

/** No such model. */
export class ModelNotFoundError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_MODEL_NOT_FOUND', message, options);
  }
}

/** A file of the model is damaged or inconsistent. */
export class ModelFormatError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_MODEL_FORMAT', message, options);
  }
}

/** A sound model that this package does not run. */
export class ModelUnsupportedError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_MODEL_UNSUPPORTED', message, options);
  }
}

/** Reading or writing a file failed. */
export class IoError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_IO', message, options);
  }
}

/** The caller gave up. */
export class CancelledError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_CANCELLED', message, options);
  }
}

/** The addon could not be loaded. */
export class NativeMissingError extends BllossomError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_NATIVE_MISSING', message, options);
  }
}
