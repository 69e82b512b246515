/** Which properties an object may have, when several schemas speak of it. */

import { alternatives, type Split } from './alternatives.js';
import { checkExclusive } from './disjoint.js';
import type { Counts, Keywords } from './keywords.js';
import { readKeywords } from './keywords.js';
import { merge } from './merged.js';
import { refuse } from './refuse.js';
import type { SchemaDocument, SchemaPart } from './schema-document.js';

export interface PropertyRule {
  pointer: string;
  /** A value is valid under all `parts`. */
  fields: { name: string; parts: SchemaPart[]; required: boolean }[];
  /** What the value of any other property must be valid under; absent: there are no others. */
  free: SchemaPart[] | undefined;
  count: Counts;
}

export function propertyRule(document: SchemaDocument, pointer: string, objects: readonly Keywords[]): PropertyRule {
  const allowed = allowedNames(document, objects);
  const names = new Set(objects.flatMap(({ properties }) => [...(properties?.keys() ?? [])]));
  const required = new Set(objects.flatMap((each) => each.required));
  const shared = objects.flatMap(({ additionalProperties }) => additionalProperties ?? []);
  const isOpen = shared.length > 0 || !objects.some(({ properties }) => properties);
  const hasFree = isOpen && !shared.some(({ value }) => value === false);
  // With a list of names there are no free keys: each name is a property that may be left out.
  const listed = hasFree && allowed ? [...allowed] : [];
  const fields = [...new Set([...names, ...required, ...listed])].flatMap((name) => {
    const isRequired = required.has(name);
    if (allowed && !allowed.has(name) && !isRequired) return [];
    const parts = objects.flatMap(({ properties, additionalProperties }) => {
      return properties?.get(name) ?? additionalProperties ?? [];
    });
    if (allowed && !allowed.has(name))
      refuse(pointer, `"required" names ${JSON.stringify(name)}, which "propertyNames" excludes`);
    return [{ name, parts, required: isRequired }];
  });
  return {
    pointer,
    fields,
    free: hasFree && !allowed ? shared : undefined,
    count: {
      min: Math.max(0, ...objects.map(({ propertyCount }) => propertyCount.min)),
      max: Math.min(Number.POSITIVE_INFINITY, ...objects.map(({ propertyCount }) => propertyCount.max)),
    },
  };
}

/** `propertyNames` is enforced where it lists the names; one that allows every string says nothing. */
function allowedNames(document: SchemaDocument, objects: readonly Keywords[]): Set<string> | undefined {
  const lists = objects.flatMap(({ propertyNames }) => (propertyNames ? (namesOf(document, propertyNames) ?? []) : []));
  const [first, ...others] = lists;
  return first && new Set([...first].filter((name) => others.every((list) => list.has(name))));
}

/** The names that a schema of names lists; undefined when it allows every name. */
function namesOf(document: SchemaDocument, part: SchemaPart): Set<string> | undefined {
  const names = new Set<string>();
  const check = (split: Split) => checkExclusive(document, split);
  for (const { own, impossible } of alternatives(document, [part], check)) {
    if (impossible) continue;
    const { values, types, string } = merge(
      Array.from(own.values(), ({ pointer, value }) => readKeywords(document, pointer, value)),
    );
    const { length, patterns, formats } = string;
    const isFree =
      length.min === 0 && length.max === Number.POSITIVE_INFINITY && patterns.length + formats.length === 0;
    if (values) {
      for (const value of values) if (typeof value === 'string') names.add(value);
    } else if (types.has('string') && isFree) return undefined;
    else refuse(part.pointer, '"propertyNames" is enforced only as a list of names ("enum"): name the properties');
  }
  return names;
}
