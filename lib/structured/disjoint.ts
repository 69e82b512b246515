/**
 * Whether at most one member of a `oneOf` can hold. It is shown by types that differ, by values that differ, or by a
 * property that all of them require with values that differ. What cannot be shown is refused: a value that two members
 * accept would be wrong, and a grammar cannot see that.
 */

import { alternatives, type Split } from './alternatives.js';
import { type Keywords, readKeywords } from './keywords.js';
import { canonical, merge, typeOf } from './merged.js';
import type { JsonValue } from './plain-copy.js';
import { refuse } from './refuse.js';
import type { SchemaDocument, SchemaPart } from './schema-document.js';

/** What tells one alternative from others. */
interface Signature {
  /** Of what is written for it. */
  readonly types: ReadonlySet<string>;
  /** Of what a validator accepts. */
  readonly accepted: ReadonlySet<string>;
  readonly values: readonly JsonValue[] | undefined;
  /** Of required properties: the values they may have. */
  readonly tags: ReadonlyMap<string, readonly JsonValue[]>;
}

/** Every pair is compared, which takes time. */
const MAX_MEMBERS = 200;

/** @throws InvalidArgumentError when it is a `oneOf` and two members may accept the same value */
export function checkExclusive(document: SchemaDocument, { pointer, members, exclusive }: Split): void {
  if (!exclusive) return;
  if (members.length > MAX_MEMBERS) {
    refuse(pointer, `"oneOf" has ${members.length} members; at most ${MAX_MEMBERS} are compared: use "anyOf"`);
  }
  const signatures = members.map((member) => signaturesOf(document, member));
  for (let i = 0; i < signatures.length; i++) {
    for (let j = i + 1; j < signatures.length; j++) {
      const [left, right] = [signatures[i] as Signature[], signatures[j] as Signature[]];
      if (left.every((a) => right.every((b) => areDisjoint(a, b)))) continue;
      refuse(
        pointer,
        `members ${i} and ${j} of "oneOf" may accept the same value: use "anyOf", or give both a required property ` +
          'with different "const" values',
      );
    }
  }
}

function signaturesOf(document: SchemaDocument, member: SchemaPart): Signature[] {
  return alternatives(document, [member])
    .filter(({ impossible }) => !impossible)
    .map(({ own }) => {
      const all = Array.from(own.values(), ({ pointer, value }) => readKeywords(document, pointer, value));
      const { types, accepted, values } = merge(all);
      const ofValues = values && new Set(values.map(typeOf));
      const tags = new Map(
        [...new Set(all.flatMap(({ required }) => required))].flatMap((name) => {
          const allowed = tagValues(document, all, name);
          return allowed ? [[name, allowed] as const] : [];
        }),
      );
      return { types: ofValues ?? types, accepted: ofValues ?? accepted, values, tags };
    });
}

/** The values of a property, where a schema of it lists them itself. */
function tagValues(document: SchemaDocument, all: readonly Keywords[], name: string): JsonValue[] | undefined {
  for (const { properties } of all) {
    const part = properties?.get(name);
    if (!part || typeof part.value === 'boolean') continue;
    const keywords = readKeywords(document, part.pointer, part.value);
    if (keywords.values.length > 0) return keywords.values[0] as JsonValue[];
  }
  return undefined;
}

function areDisjoint(a: Signature, b: Signature): boolean {
  if (a.values && b.values) return !haveCommon(a.values, b.values);
  const common = new Set([...commonTypes(a.types, b.accepted), ...commonTypes(b.types, a.accepted)]);
  if (common.size === 0) return true;
  if (common.size > 1 || !common.has('object')) return false;
  return Array.from(a.tags, ([name, values]) => [values, b.tags.get(name)] as const).some(
    ([left, right]) => right !== undefined && !haveCommon(left, right),
  );
}

function haveCommon(a: readonly JsonValue[], b: readonly JsonValue[]): boolean {
  const keys = new Set(a.map(canonical));
  return b.some((value) => keys.has(canonical(value)));
}

function commonTypes(a: ReadonlySet<string>, b: ReadonlySet<string>): string[] {
  const wide = (types: ReadonlySet<string>) => (types.has('number') ? new Set([...types, 'integer']) : types);
  const right = wide(b);
  return [...wide(a)].filter((type) => right.has(type));
}
