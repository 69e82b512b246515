/** The configuration: defaults, then a YAML file, then what the program sets. */

import { Document } from 'yaml';
import { checkPath, reading, show } from './check.js';
import {
  type ConfigSections,
  checkSection,
  defaultsOf,
  fieldsOf,
  type GenerationSection,
  type HardwareSection,
  type ModelSection,
  type NetworkSection,
  type PathsSection,
  type QuantizationSection,
  SECTION_NAMES,
  type SectionName,
} from './config-schema.js';
import { placeOf, readSection, writeSection } from './config-yaml.js';
import { InvalidArgumentError } from './errors.js';
import { readYaml, writeYaml, type YamlFile } from './yaml-file.js';

/**
 * Values may be set freely; they are checked when they are used.
 *
 * @example
 * const config = new Config('config.yaml');
 * config.generation.temperature = 0.2;
 *
 * @example
 * class MyConfig extends Config {
 *   setPreciseMode() {
 *     this.generation.temperature = 0.1;
 *   }
 * }
 */
export class Config implements ConfigSections {
  model: ModelSection = defaultsOf('model');
  quantization: QuantizationSection = defaultsOf('quantization');
  generation: GenerationSection = defaultsOf('generation');
  hardware: HardwareSection = defaultsOf('hardware');
  paths: PathsSection = defaultsOf('paths');
  network: NetworkSection = defaultsOf('network');

  /** What was read: keeps comments, order and what is not ours. */
  #document = new Document();

  /**
   * Makes no folders.
   *
   * @param file YAML; without it the defaults
   * @throws InvalidArgumentError, IoError as `loadFromYaml` does
   */
  constructor(file?: string) {
    if (file !== undefined) this.loadFromYaml(file);
  }

  /**
   * Takes over what the file says; keys that it does not mention, or leaves empty, stay. Nothing changes when it is
   * refused. Keys are read in snake_case and in camelCase. Sections and keys that are not ours are kept for
   * `saveToYaml`, unless a key looks like one of ours, misspelled.
   *
   * Read besides the exact value, for the sake of files of the Python original: quoted numbers, `1_000`, `yes`, `no`,
   * `on`, `off`, types like `torch.bfloat16`, a `device_map` of null.
   *
   * @throws InvalidArgumentError with key, value, allowed range, file and line; a file must be UTF-8 of at most 256 KiB,
   * 32 levels and 100 aliases
   * @throws IoError when the file cannot be read
   */
  loadFromYaml(file: string): void {
    const yaml = readYaml(checkPath('file', file));
    const read = SECTION_NAMES.map((name) => [name, readSection(yaml, name)] as const);
    const implied = impliedByBits(yaml, { ...read.find(([name]) => name === 'quantization')?.[1] });
    for (const [name, values] of read) Object.assign(this[name], values);
    Object.assign(this.quantization, implied);
    this.#document = yaml.document;
  }

  /**
   * Writes every key in snake_case, and with it the comments, foreign sections and foreign keys of the file that was
   * loaded. A key that the file spelled in camelCase keeps that spelling. Missing folders are made.
   *
   * @throws InvalidArgumentError when a value is not allowed; IoError when the file cannot be written
   */
  saveToYaml(file: string = checkSection(this, 'paths').configFile): void {
    checkPath('file', file);
    this.validate();
    const document = this.#document.clone();
    if (isEmpty(document)) document.contents = document.createNode({});
    for (const name of SECTION_NAMES) writeSection(document, name, this[name]);
    writeYaml(file, document);
    this.#document = document;
  }

  /** Checks every value. @throws InvalidArgumentError naming the first that is wrong, or a key that looks misspelled */
  validate(): void {
    for (const name of SECTION_NAMES) checkSection(this, name);
  }

  /** An independent `Config` with the same values, and with what it keeps of the file. A subclass's own are not copied. */
  clone(): Config {
    const copy = new Config();
    reading('the configuration cannot be copied', () => {
      for (const name of SECTION_NAMES) Reflect.set(copy, name, { ...this[name] });
    });
    copy.#document = this.#document.clone();
    return copy;
  }

  /** The sections, as `JSON.stringify` takes them. */
  toJSON(): ConfigSections {
    const sections = reading('the configuration cannot be read', () => SECTION_NAMES.map((name) => [name, this[name]]));
    return Object.fromEntries(sections) as unknown as ConfigSections;
  }

  /** Prints all sections to the console. */
  printConfig(): void {
    console.log(this.toString());
  }

  toString(): string {
    return reading('the configuration cannot be shown', () => {
      const sections = SECTION_NAMES.map((name) => [name, shownSection(name, this[name])]);
      return new Document(Object.fromEntries(sections)).toString().trimEnd();
    });
  }
}

/** Its values; those that cannot be allowed, as error messages show them. */
function shownSection(name: SectionName, values: object): object | string {
  if (typeof values !== 'object' || values === null) return show(values);
  const shown = (value: unknown) => (typeof value === 'object' || typeof value === 'function' ? show(value) : value);
  return Object.fromEntries(
    fieldsOf(name).map(([key]) => {
      const value: unknown = Reflect.get(values, key);
      return [key, value === null ? null : shown(value)];
    }),
  );
}

function isEmpty({ contents }: Document): boolean {
  return contents === null || contents.toJSON() === null;
}

/** What `load_in_4bit` and `load_in_8bit` mean in a file that has no `type`. */
function impliedByBits(yaml: YamlFile, read: Record<string, unknown>): Partial<QuantizationSection> {
  if ('type' in read) return {};
  if (read.loadIn4bit === true && read.loadIn8bit === true) {
    throw new InvalidArgumentError(
      `quantization.load_in_4bit and load_in_8bit are both true: set one of them to false, ` +
        `or give a type (${placeOf(yaml, 'quantization')})`,
    );
  }
  if (read.loadIn8bit === true) return { type: 'Q8_0', loadIn4bit: false };
  return read.loadIn4bit === true ? { type: 'Q4_K_M' } : {};
}
