/** The configuration: defaults, then a YAML file, then what the program sets. */

import { Document, isMap, isScalar, type Pair, type YAMLMap } from 'yaml';
import { checkPath, reading } from './check.js';
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
  yamlKey,
} from './config-schema.js';
import { BllossomError, InvalidArgumentError } from './errors.js';
import { readYaml, writeYaml, type YamlFile } from './yaml-file.js';

/**
 * @example
 * const config = new Config('config.yaml');
 * config.generation.temperature = 0.2;
 */
export class Config implements ConfigSections {
  model: ModelSection = defaultsOf('model');
  quantization: QuantizationSection = defaultsOf('quantization');
  generation: GenerationSection = defaultsOf('generation');
  hardware: HardwareSection = defaultsOf('hardware');
  paths: PathsSection = defaultsOf('paths');
  network: NetworkSection = defaultsOf('network');

  /** What was read: keeps comments, order and the sections that are not ours. */
  #document: Document | undefined;

  /**
   * @param file YAML; without it the defaults
   * @throws InvalidArgumentError, IoError as `loadFromYaml` does
   */
  constructor(file?: string) {
    if (file !== undefined) this.loadFromYaml(file);
  }

  /**
   * Takes over what the file says; keys that it does not mention stay. Nothing changes when it is refused.
   *
   * @throws InvalidArgumentError with key, value, allowed range, file and line
   * @throws IoError when the file cannot be read
   */
  loadFromYaml(file: string): void {
    const yaml = readYaml(checkPath('file', file));
    const read = SECTION_NAMES.map((name) => [name, readSection(yaml, name)] as const);
    for (const [name, values] of read) Object.assign(this[name], values);
    const quantization = read.find(([name]) => name === 'quantization')?.[1] ?? {};
    if (!('type' in quantization)) {
      if (quantization.loadIn8bit === true) this.quantization.type = 'Q8_0';
      else if (quantization.loadIn4bit === true) this.quantization.type = 'Q4_K_M';
    }
    this.#document = yaml.document;
  }

  /**
   * Writes every key in snake_case, and with it the comments and foreign sections of the file that was loaded. A key
   * that the file spelled in camelCase keeps that spelling.
   *
   * @throws InvalidArgumentError when a value is not allowed; IoError when the file cannot be written
   */
  saveToYaml(file: string = this.paths.configFile): void {
    checkPath('file', file);
    this.validate();
    const document = this.#document?.contents ? this.#document : new Document({});
    for (const name of SECTION_NAMES) writeSection(document, name, this[name]);
    writeYaml(file, document);
    this.#document = document;
  }

  /** Checks every value. @throws InvalidArgumentError naming the first that is wrong */
  validate(): void {
    for (const name of SECTION_NAMES) checkSection(this, name);
  }

  /** Prints all sections to the console. */
  printConfig(): void {
    console.log(this.toString());
  }

  toString(): string {
    return reading('the configuration cannot be shown', () => {
      const document = new Document(Object.fromEntries(SECTION_NAMES.map((name) => [name, this[name]])));
      return document.toString().trimEnd();
    });
  }
}

function pairsOf(map: YAMLMap): Pair[] {
  return map.items as Pair[];
}

function keyOf(pair: Pair): unknown {
  return isScalar(pair.key) ? pair.key.value : undefined;
}

function readSection({ document, at }: YamlFile, name: SectionName): Record<string, unknown> {
  if (document.contents === null) return {};
  const section = document.get(name, true);
  if (section === undefined || (isScalar(section) && section.value === null)) return {};
  const offset = (section as { range?: [number, number, number] }).range?.[0];
  if (!isMap(section)) throw new InvalidArgumentError(`The section ${name} must be a mapping (${at(offset)})`);
  const values: Record<string, unknown> = {};
  for (const [key, field] of fieldsOf(name)) {
    for (const pair of pairsOf(section)) {
      if (keyOf(pair) !== key && keyOf(pair) !== yamlKey(key, field)) continue;
      const place = at((pair.key as { range?: [number, number, number] }).range?.[0]);
      const value = isScalar(pair.value) ? pair.value.value : pair.value;
      if (key in values) throw new InvalidArgumentError(`${name}.${key} is given twice (${place})`);
      values[key] = checkAt(place, () => field.check(`${name}.${key}`, value));
    }
  }
  return values;
}

function checkAt(place: string, check: () => unknown): unknown {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof BllossomError)) throw cause;
    throw new InvalidArgumentError(`${cause.message} (${place})`, { cause });
  }
}

function writeSection(document: Document, name: SectionName, values: object): void {
  const present = document.get(name, true);
  if (!isMap(present)) document.set(name, document.createNode({}));
  const section = document.get(name, true) as YAMLMap;
  for (const [key, field] of fieldsOf(name)) {
    const spelled = pairsOf(section).some((pair) => keyOf(pair) === key) ? key : yamlKey(key, field);
    const value: unknown = Reflect.get(values, key);
    if (section.get(spelled) !== value || !section.has(spelled)) section.set(spelled, value);
  }
}
