/** The judge of schemas: another implementation. */

import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

/** Says why a value is not valid under the schema; undefined when it is. */
export function judge(schema: unknown): (value: unknown) => string | undefined {
  const ajv = new Ajv2020({ strict: false, allErrors: false, multipleOfPrecision: 9 });
  formats.default(ajv);
  const validate = ajv.compile(schema as object);
  return (value) => (validate(value) ? undefined : ajv.errorsText(validate.errors));
}
