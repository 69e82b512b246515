/**
 * Schemas of validation libraries, by the interface "Standard Schema" (https://standardschema.dev): zod from 4.2 on and
 * others describe their input as JSON Schema and check a value themselves. zod 4.0 and 4.1 are read through the package.
 */

import { reading } from '../check.js';
import { BllossomError, InvalidArgumentError, ModelOutputError } from '../errors.js';

export interface StandardSchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

/** What is used of the interface. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
    readonly jsonSchema?:
      | { readonly input: (options: { readonly target: 'draft-2020-12' }) => Record<string, unknown> }
      | undefined;
  };
}

const SHOWN_ISSUES = 5;

export function isStandardSchema<T>(schema: unknown): schema is StandardSchema<T> {
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return false;
  return reading('responseFormat.schema cannot be read', () => {
    const standard = (schema as Partial<StandardSchema>)['~standard'];
    return typeof standard === 'object' && standard !== null && typeof standard.validate === 'function';
  });
}

/** The JSON Schema of what goes into the schema: the model writes its input. @throws InvalidArgumentError */
export async function inputJsonSchema(schema: StandardSchema): Promise<unknown> {
  const { vendor, jsonSchema } = schema['~standard'];
  try {
    if (jsonSchema) return jsonSchema.input({ target: 'draft-2020-12' });
    if (vendor === 'zod') return await zodJsonSchema(schema);
  } catch (error) {
    if (error instanceof BllossomError) throw error;
    throw new InvalidArgumentError(`${vendor} cannot write this schema as JSON Schema: ${(error as Error).message}`, {
      cause: error,
    });
  }
  throw new InvalidArgumentError(
    `The schema of ${JSON.stringify(vendor)} has no ~standard.jsonSchema: pass its JSON Schema and validate the answer`,
  );
}

/** For zod 4.0 and 4.1, whose schemas do not write JSON Schema themselves. */
async function zodJsonSchema(schema: StandardSchema): Promise<unknown> {
  if (!('_zod' in schema)) {
    throw new InvalidArgumentError('The schema is of zod 3, which has no JSON Schema: use zod 4 (or "zod/v4" of 3.25)');
  }
  const { toJSONSchema } = await import('zod').catch((cause: unknown) => {
    throw new InvalidArgumentError('The package "zod" could not be loaded: install zod 4.2 or newer', { cause });
  });
  return toJSONSchema(schema as unknown as Parameters<typeof toJSONSchema>[0], { io: 'input' });
}

/** The value as the schema's library gives it back. @throws ModelOutputError when the library refuses it */
export async function validated<Output>(schema: StandardSchema<Output>, value: unknown): Promise<Output> {
  const result = await schema['~standard'].validate(value);
  if (!result.issues) return result.value;
  const issues = result.issues.slice(0, SHOWN_ISSUES).map(({ path, message }) => {
    const place = path?.map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
    return place ? `${place}: ${message}` : message;
  });
  throw new ModelOutputError(
    `The answer fits the JSON Schema but not the schema's own checks (${issues.join('; ')}): ask again, or put the ` +
      'check into words of JSON Schema',
    { cause: result.issues },
  );
}
