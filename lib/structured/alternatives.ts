/**
 * What a set of schemas says together, as alternatives.
 *
 * `$ref` and `allOf` add schemas to the set; `anyOf` and `oneOf` split it. What remains are groups of schema objects
 * whose own keywords hold together, and a value is valid under the set when it is valid under one of the groups.
 */

import { checkKeywordNames, hasOwnKeywords } from './keywords.js';
import type { JsonMap } from './plain-copy.js';
import { child, refuse } from './refuse.js';
import { describe, isArray, type SchemaDocument, type SchemaPart } from './schema-document.js';

const LIMITS = {
  /** `$ref`, `allOf` and alternatives inside one another, before a property or an item comes. */
  depth: 256,
  /** Groups of one set. */
  alternatives: 1024,
};

/** An `anyOf` or `oneOf`. */
export interface Split {
  readonly pointer: string;
  readonly members: readonly SchemaPart[];
  /** At most one of the members may hold. */
  readonly exclusive: boolean;
}

/** What a set of schemas comes to before its splits are followed. */
export interface Gathered {
  /** Schema objects with keywords of their own. */
  readonly own: ReadonlyMap<string, SchemaPart & { readonly value: JsonMap }>;
  readonly splits: ReadonlyMap<string, Split>;
  /** A schema `false` among them. */
  readonly impossible: SchemaPart | undefined;
}

/** Follows `$ref` and `allOf`. @throws InvalidArgumentError when they lead back to where they began */
export function gather(document: SchemaDocument, parts: readonly SchemaPart[]): Gathered {
  const own = new Map<string, SchemaPart & { value: JsonMap }>();
  const splits = new Map<string, Split>();
  const done = new Set<string>();
  const path = new Set<string>();
  let impossible: SchemaPart | undefined;

  const visit = ({ pointer, value }: SchemaPart): void => {
    if (path.has(pointer)) refuse(pointer, '"$ref" and "allOf" lead back here without an end: break the circle');
    if (path.size > LIMITS.depth) refuse(pointer, `more than ${LIMITS.depth} "$ref" follow one another: name the last`);
    if (done.has(pointer)) return;
    done.add(pointer);
    if (value === false) impossible ??= { pointer, value };
    if (typeof value === 'boolean') return;
    checkKeywordNames(pointer, value);
    path.add(pointer);
    if (hasOwnKeywords(value)) own.set(pointer, { pointer, value });
    const ref = value.get('$ref');
    if (ref !== undefined) visit(document.resolve(pointer, ref));
    for (const member of members(document, pointer, value, 'allOf')) visit(member);
    for (const keyword of ['anyOf', 'oneOf']) {
      const place = child(pointer, keyword);
      const list = members(document, pointer, value, keyword);
      if (list.length > 0) splits.set(place, { pointer: place, members: list, exclusive: keyword === 'oneOf' });
    }
    path.delete(pointer);
  };
  for (const part of parts) visit(part);
  return { own, splits, impossible };
}

function members(document: SchemaDocument, pointer: string, schema: JsonMap, keyword: string): SchemaPart[] {
  const value = schema.get(keyword);
  if (value === undefined) return [];
  const place = child(pointer, keyword);
  if (!isArray(value) || value.length === 0) {
    refuse(place, `"${keyword}" must be an array with at least one schema, not ${describe(value)}`);
  }
  return value.map((item, i) => document.part(child(place, i), item));
}

/**
 * Follows the splits too: every combination of members.
 *
 * @param onSplit called with each that is followed, those inside others too
 */
export function alternatives(
  document: SchemaDocument,
  parts: readonly SchemaPart[],
  onSplit: (split: Split) => void = () => {},
): Gathered[] {
  const found: Gathered[] = [];
  const expand = (gathered: Gathered, depth: number): void => {
    const [split] = gathered.splits.values();
    if (!split) {
      found.push(gathered);
      if (found.length > LIMITS.alternatives) {
        refuse(
          parts[0]?.pointer ?? '#',
          `it comes to more than ${LIMITS.alternatives} alternatives: write fewer "anyOf"`,
        );
      }
      return;
    }
    if (depth > LIMITS.depth) refuse(split.pointer, 'its alternatives lead back here without an end: break the circle');
    onSplit(split);
    const rest = new Map([...gathered.splits].slice(1));
    for (const member of split.members)
      expand(together({ ...gathered, splits: rest }, gather(document, [member])), depth + 1);
  };
  expand(gather(document, parts), 0);
  return found;
}

function together(a: Gathered, b: Gathered): Gathered {
  return {
    own: new Map([...a.own, ...b.own]),
    splits: new Map([...a.splits, ...b.splits]),
    impossible: a.impossible ?? b.impossible,
  };
}
