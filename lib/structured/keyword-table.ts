/** Every keyword of JSON Schema that is known here, and what becomes of it. */

/** Say something about a value but do not constrain it; they have no effect on the grammar. */
export const ANNOTATIONS: ReadonlySet<string> = new Set([
  ...['title', 'description', 'default', 'examples', 'example', 'deprecated', 'readOnly', 'writeOnly'],
  ...['$schema', '$id', 'id', '$comment', '$anchor', '$defs', 'definitions', '$vocabulary'],
  ...['contentEncoding', 'contentMediaType', 'contentSchema', 'markdownDescription', 'enumNames', 'discriminator'],
]);

/** Constrain, but a grammar cannot (or cannot exactly) enforce them: what to write instead. */
export const REFUSED: ReadonlyMap<string, string> = new Map([
  ['not', 'say what is allowed instead, with "enum" or "anyOf"'],
  ['if', 'write the cases as "anyOf"'],
  ['then', 'write the cases as "anyOf"'],
  ['else', 'write the cases as "anyOf"'],
  ['uniqueItems', 'remove it and drop repeated items afterwards'],
  ['contains', 'remove it, or fix the item with "prefixItems"'],
  ['minContains', 'remove it'],
  ['maxContains', 'remove it'],
  ['patternProperties', 'name the properties, or use "additionalProperties" with a schema'],
  ['dependentRequired', 'write the cases as "anyOf"'],
  ['dependentSchemas', 'write the cases as "anyOf"'],
  ['dependencies', 'write the cases as "anyOf"'],
  ['unevaluatedProperties', 'use "additionalProperties"'],
  ['unevaluatedItems', 'use "items"'],
  ['$dynamicRef', 'use "$ref"'],
  ['$dynamicAnchor', 'use "$defs" and "$ref"'],
  ['$recursiveRef', 'use "$ref"'],
  ['$recursiveAnchor', 'use "$ref"'],
  ['nullable', 'write "type": [..., "null"]'],
]);

/** Where a schema is built from others. */
export const COMPOSITION: ReadonlySet<string> = new Set(['$ref', 'allOf', 'anyOf', 'oneOf']);

export const TYPE_NAMES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'] as const;
export type TypeName = (typeof TYPE_NAMES)[number];

/** The keywords that constrain values of one type. */
export const OF_STRING = ['minLength', 'maxLength', 'pattern', 'format'];
export const OF_NUMBER = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'];
export const OF_ARRAY = ['items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems'];
export const OF_OBJECT = [
  ...['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties', 'propertyNames'],
];

export const ENFORCED: ReadonlySet<string> = new Set([
  ...['type', 'enum', 'const'],
  ...OF_STRING,
  ...OF_NUMBER,
  ...OF_ARRAY,
  ...OF_OBJECT,
]);
