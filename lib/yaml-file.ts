/** Reads and writes YAML files of people: comments stay, faults name file and line, hostile nesting is refused first. */

import { isUtf8 } from 'node:buffer';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Document, isCollection, isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { show } from './check.js';
import { InvalidArgumentError, IoError } from './errors.js';

export const YAML_LIMITS = {
  bytes: 256 * 1024,
  /** Levels of nesting. The parser recurses, and some Node versions die of a deep recursion instead of throwing. */
  depth: 32,
  /** Opening brackets in all, quoted ones included. */
  brackets: 512,
  aliases: 100,
} as const;

/** Keys that a careless program would write into the prototype of every object. */
const FORBIDDEN_KEYS: readonly unknown[] = ['__proto__', 'constructor', 'prototype'];

export interface YamlFile {
  document: Document;
  /** "file.yaml:12" for an offset in the text. */
  at(offset: number | undefined): string;
}

/** @throws InvalidArgumentError not YAML, not a mapping, or over the limits; IoError when it cannot be read */
export function readYaml(file: string): YamlFile {
  const text = readText(file);
  scan(file, text);
  const lines = new LineCounter();
  const document = parse(file, text, lines);
  const at = (offset: number | undefined) => (offset === undefined ? file : `${file}:${lines.linePos(offset).line}`);
  const [fault] = document.errors;
  if (fault) refuse(at(fault.pos[0]), `is not valid YAML: ${fault.message.split('\n')[0]}`, fault);
  guard(document, at);
  if (document.contents !== null && !isMap(document.contents) && !isNull(document.contents)) {
    refuse(at(document.contents.range?.[0]), 'must be a mapping of sections');
  }
  return { document, at };
}

function readText(file: string): string {
  let bytes: Buffer;
  try {
    const stats = statSync(file);
    if (!stats.isFile()) throw new Error('it is no regular file'); // a pipe would block for ever
    checkSize(file, stats.size);
    bytes = readFileSync(file);
  } catch (cause) {
    if (cause instanceof InvalidArgumentError) throw cause;
    throw new IoError(`The configuration ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  checkSize(file, bytes.length); // files of /proc tell a size of 0
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    // Read all the same, it would be written back with its comments destroyed.
    return refuse(`${file}:${badLine(bytes)}`, 'is not UTF-8: save it in that encoding', cause);
  }
}

function checkSize(file: string, size: number): void {
  if (size > YAML_LIMITS.bytes) refuse(file, `has ${size} bytes, more than the ${YAML_LIMITS.bytes} allowed`);
}

/** The first line that is not UTF-8. */
function badLine(bytes: Buffer): number {
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start);
    const next = end < 0 ? bytes.length : end + 1;
    if (!isUtf8(bytes.subarray(start, next))) return line;
    start = next;
  }
  return line;
}

function isNull(node: unknown): boolean {
  return isScalar(node) && node.value === null;
}

/** What the parser lets pass: depth as it is, aliases, keys that reach for prototypes. */
function guard(document: Document, at: YamlFile['at']): void {
  let aliases = 0;
  visit(document, {
    Collection(_, node, path) {
      const depth = path.filter((parent) => isCollection(parent)).length + 1;
      if (depth > YAML_LIMITS.depth) refuse(at(node.range?.[0]), `is nested deeper than ${YAML_LIMITS.depth} levels`);
    },
    Alias(_, node) {
      if (++aliases > YAML_LIMITS.aliases) refuse(at(node.range?.[0]), `has more than ${YAML_LIMITS.aliases} aliases`);
      if (!node.resolve(document)) refuse(at(node.range?.[0]), `has the alias ${show(node.source)} of nothing`);
    },
    Pair(_, { key }) {
      if (isScalar(key) && FORBIDDEN_KEYS.includes(key.value)) {
        refuse(at(key.range?.[0]), `has the key ${show(key.value)}, which is not allowed: choose another name`);
      }
    },
  });
}

function parse(file: string, text: string, lineCounter: LineCounter): Document {
  try {
    return parseDocument(text, { lineCounter, uniqueKeys: true, merge: false, prettyErrors: true });
  } catch (cause) {
    return refuse(file, `is not valid YAML: ${(cause as Error).message}`, cause);
  }
}

/** Writes to a temporary name first, so that a crash leaves the old file. */
export function writeYaml(file: string, document: Document): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(temporary, document.toString({ lineWidth: 0 }));
    renameSync(temporary, file);
  } catch (cause) {
    if (existsSync(temporary)) rmSync(temporary, { force: true });
    throw new IoError(`The configuration ${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
}

function refuse(place: string, what: string, cause?: unknown): never {
  throw new InvalidArgumentError(`The configuration ${place} ${what}`, { cause });
}

/** One pass over the text, before the parser: brackets, "- - -" on a line, and indentation. */
function scan(file: string, text: string): void {
  const { depth, brackets } = YAML_LIMITS;
  let opened = 0;
  const indents: number[] = [];
  text.split(/\r\n|\r|\n/).forEach((line, i) => {
    const place = `${file}:${i + 1}`;
    for (const character of line) {
      if (character !== '[' && character !== '{') continue;
      if (++opened > brackets) refuse(place, `has more than ${brackets} opening brackets`);
    }
    const [lead = ''] = line.match(/^(?:[ \t]|[-?:](?=[ \t]|$))*/) ?? [];
    if (lead.length === line.length && line.trim() === '') return;
    while ((indents.at(-1) ?? -1) >= lead.length) indents.pop();
    indents.push(lead.length);
    const indicators = lead.replace(/[ \t]/g, '').length;
    if (indents.length + indicators > depth) refuse(place, `is nested deeper than the ${depth} levels allowed`);
  });
}
