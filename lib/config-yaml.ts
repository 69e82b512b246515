/** Between a YAML document and the sections of a configuration; what is not ours stays in the document. */

import { type Document, isAlias, isMap, isScalar, isSeq, type Pair, type YAMLMap } from 'yaml';
import { show } from './check.js';
import { type Field, fieldsOf, type SectionName, takesNull, yamlKey } from './config-schema.js';
import { BllossomError, InvalidArgumentError } from './errors.js';
import { likelyMeant } from './misspelling.js';
import type { YamlFile } from './yaml-file.js';

/** Tags of values that YAML itself knows; any other would be passed on as plain text. */
const PLAIN_TAG = /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/;

/**
 * The values that a file gives to a section, checked.
 *
 * @throws InvalidArgumentError with key, value, allowed range, file and line; also for a key that is likely misspelled
 */
export function readSection({ document, at }: YamlFile, name: SectionName): Record<string, unknown> {
  const section = isMap(document.contents) ? resolve(document, document.get(name, true)) : undefined;
  if (section === undefined || (isScalar(section) && section.value === null)) return {};
  if (!isMap(section)) refuse(`The section ${name} must be a mapping`, at(offsetOf(section)));
  const spellings = spellingsOf(name);
  const values: Record<string, unknown> = {};
  const given = new Set<string>();
  for (const pair of pairsOf(section)) {
    const place = at(offsetOf(pair.key));
    const spelled = keyOf(pair);
    const entry = typeof spelled === 'string' ? spellings.get(spelled) : undefined;
    if (!entry) {
      checkForeign(name, spelled, spellings.keys(), place);
      continue;
    }
    const [key, field] = entry;
    if (given.has(key)) refuse(`${name}.${key} is given twice`, place);
    given.add(key);
    const value = readValue(document, pair, `${name}.${key}`, place);
    if (value === null && !takesNull(field)) continue;
    values[key] = located(place, () => field.check(`${name}.${key}`, field.fromFile ? field.fromFile(value) : value));
  }
  return values;
}

/** Where a section of a file begins, as "file.yaml:12". */
export function placeOf({ document, at }: YamlFile, name: SectionName): string {
  return at(offsetOf(document.get(name, true)));
}

/**
 * Writes the values of a section in place: comments, order, foreign keys and the spelling of a key stay. A section that
 * was an alias becomes a mapping of its own, so that what it stood for keeps its values.
 */
export function writeSection(document: Document, name: SectionName, values: object): void {
  if (!isMap(document.get(name, true))) document.set(name, document.createNode({}));
  const section = document.get(name, true) as YAMLMap;
  for (const [key, field] of fieldsOf(name)) {
    const spelled = pairsOf(section).some((pair) => keyOf(pair) === key) ? key : yamlKey(key, field);
    const value: unknown = Reflect.get(values, key);
    const before = resolve(document, section.get(spelled, true));
    if (!isScalar(before) || before.value !== value) section.set(spelled, value);
  }
}

function checkForeign(section: SectionName, key: unknown, known: Iterable<string>, place: string): void {
  if (typeof key !== 'string') return;
  if (key === '<<') refuse(`${section}: merge keys ("<<") are not read; write the keys out`, place);
  const meant = likelyMeant(key, [...known]);
  if (meant !== undefined) refuse(`Unknown key ${show(key)} in ${section}: did you mean ${meant}?`, place);
}

/** Every spelling of every key of a section, that of YAML first. */
function spellingsOf(section: SectionName): Map<string, [key: string, field: Field]> {
  const fields = fieldsOf(section);
  return new Map([
    ...fields.map((entry): [string, typeof entry] => [yamlKey(...entry), entry]),
    ...fields.map((entry): [string, typeof entry] => [entry[0], entry]),
  ]);
}

function readValue(document: Document, pair: Pair, name: string, place: string): unknown {
  const node = resolve(document, pair.value);
  const tag = (node as { tag?: string } | null | undefined)?.tag;
  if (tag !== undefined && !PLAIN_TAG.test(tag)) refuse(`${name} has the tag ${show(tag)}, which is not read`, place);
  if (isScalar(node)) return node.value;
  if (isSeq(node)) return node.items;
  return isMap(node) ? {} : null; // enough to be refused by its kind; unfolded, aliases could fill the memory
}

function resolve(document: Document, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function pairsOf(map: YAMLMap): Pair[] {
  return map.items as Pair[];
}

function keyOf(pair: Pair): unknown {
  return isScalar(pair.key) ? pair.key.value : undefined;
}

function offsetOf(node: unknown): number | undefined {
  return (node as { range?: [number, number, number] | null } | null)?.range?.[0];
}

function located<T>(place: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof BllossomError)) throw cause;
    throw new InvalidArgumentError(`${cause.message} (${place})`, { cause });
  }
}

function refuse(what: string, place: string): never {
  throw new InvalidArgumentError(`${what} (${place})`);
}
