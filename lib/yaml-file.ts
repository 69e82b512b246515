/** Reads and writes YAML files of people: comments stay, faults name file and line, hostile nesting is refused first. */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Document, isMap, LineCounter, parseDocument } from 'yaml';
import { InvalidArgumentError, IoError } from './errors.js';

export const YAML_LIMITS = {
  bytes: 256 * 1024,
  /** Levels of nesting. The parser recurses, and some Node versions die of a deep recursion instead of throwing. */
  depth: 32,
  /** Opening brackets in all, quoted ones included. */
  brackets: 512,
} as const;

export interface YamlFile {
  document: Document;
  /** "file.yaml:12" for an offset in the text. */
  at(offset: number | undefined): string;
}

/** @throws InvalidArgumentError not YAML, not a mapping, or over the limits; IoError when it cannot be read */
export function readYaml(file: string): YamlFile {
  let text: string;
  try {
    const { size } = statSync(file);
    if (size > YAML_LIMITS.bytes) refuse(file, `has ${size} bytes, more than the ${YAML_LIMITS.bytes} allowed`);
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof InvalidArgumentError) throw cause;
    throw new IoError(`The configuration ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  scan(file, text);
  const lines = new LineCounter();
  const document = parse(file, text, lines);
  const at = (offset: number | undefined) => (offset === undefined ? file : `${file}:${lines.linePos(offset).line}`);
  const [fault] = document.errors;
  if (fault) refuse(at(fault.pos[0]), `is not valid YAML: ${fault.message.split('\n')[0]}`, fault);
  if (document.contents !== null && !isMap(document.contents)) refuse(file, 'must be a mapping of sections');
  return { document, at };
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
