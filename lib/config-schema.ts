/** Every key of the configuration: its default, its spelling in YAML and the values it takes. */

import {
  checkBoolean,
  checkInteger,
  checkNumber,
  checkOneOf,
  checkText,
  fail,
  type NumberRange,
  reading,
} from './check.js';
import { CONVERSION_TYPES } from './convert/types.js';

export interface ModelSection {
  /** Name on the hub; looked for in `paths.cacheDir`. */
  name: string;
  /** A GGUF file; goes before `name`. */
  path: string | null;
  /** "auto", "cpu", "cuda" or the name of a device. */
  deviceMap: string;
  /** Accepted from files of the Python original; a GGUF file says itself which types its weights have. */
  torchDtype: string;
  /** Accepted from files of the Python original; loading never holds more than the weights and one buffer. */
  lowCpuMemUsage: boolean;
  /** Accepted for the sake of old files; nothing of a model is ever executed. */
  trustRemoteCode: boolean;
  /**
   * What text before the first image does in the cross-attention layers: "hf" as in transformers (it attends to every
   * image, masks aside), "meta" as in Meta's own code (nothing).
   */
  crossRowMode: 'hf' | 'meta';
}

export interface QuantizationSection {
  /** Type for conversion, e.g. "Q4_K_M". */
  type: string;
  /** true in a file without `type`: Q4_K_M */
  loadIn4bit: boolean;
  /** true in a file without `type`: Q8_0 */
  loadIn8bit: boolean;
  /** This and the next two are accepted from files of the Python original; they are bitsandbytes' own and have no effect. */
  bnb4bitQuantType: string;
  bnb4bitComputeDtype: string;
  bnb4bitUseDoubleQuant: boolean;
}

export interface GenerationSection {
  maxTokens: number;
  /** 0 … 2; 0 is greedy. */
  temperature: number;
  doSample: boolean;
  /** Above 0, up to 1 (off). */
  topP: number;
  /** 0: off. */
  topK: number;
  /** 1: off. */
  repetitionPenalty: number;
}

export interface HardwareSection {
  /** This and the next three are read, checked and saved, but have no effect yet: `gpuLayers` decides what is offloaded. */
  targetGpu: string | null;
  targetVramGb: number;
  useCpuOffload: boolean;
  maxMemoryUsage: number;
  gpuLayers: 'auto' | number;
  /** null: as many as there are physical cores. */
  threads: number | null;
  /** Positions of the cache, shared by all running requests; null: the model's, at most 8192. */
  contextSize: number | null;
  /** Requests computed together; null: 4. */
  maxBatchSize: number | null;
  /** Images whose states are kept in memory, and at most in one request; null: 4. */
  maxImages: number | null;
  /** Type of the attention caches. */
  kvCacheType: 'f16' | 'f32';
}

export interface PathsSection {
  cacheDir: string;
  /** Kept for what is written later; nothing is written there yet. */
  logDir: string;
  /** Where conversations are exported to. */
  outputDir: string;
  configFile: string;
}

export interface NetworkSection {
  /** Whether images may be given as http(s) URLs. */
  allowImageUrls: boolean;
  /**
   * Whether such a URL, or where it redirects to, may lead to this machine or its local network. Only for URLs that can
   * be trusted: with it, whoever writes the URL reads what only this machine may.
   */
  allowPrivateAddresses: boolean;
  /** Seconds for one image, from resolving the name to the last byte. */
  timeout: number;
  /** 0 … 10 for one image. */
  maxRedirects: number;
}

export interface ConfigSections {
  model: ModelSection;
  quantization: QuantizationSection;
  generation: GenerationSection;
  hardware: HardwareSection;
  paths: PathsSection;
  network: NetworkSection;
}

export type SectionName = keyof ConfigSections;

interface Field {
  initial: unknown;
  /** Spelling in YAML, where it is not the snake_case of the key. */
  yaml?: string;
  /** @throws InvalidArgumentError */
  check(name: string, value: unknown): unknown;
}

const text = (initial: string): Field => ({ initial, check: checkText });
const flag = (initial: boolean, yaml?: string): Field => ({ initial, check: checkBoolean, ...(yaml && { yaml }) });
const number = (initial: number, range: NumberRange): Field => ({
  initial,
  check: (name, value) => checkNumber(name, value, range),
});
const integer = (initial: number, range: NumberRange): Field => ({
  initial,
  check: (name, value) => checkInteger(name, value, range),
});
const optional = (field: Field): Field => ({
  ...field,
  initial: null,
  check: (name, value) => (value === null ? null : field.check(name, value)),
});
const choice = (initial: string, choices: readonly string[], yaml?: string): Field => ({
  initial,
  check: (name, value) => checkOneOf(name, value, choices),
  ...(yaml && { yaml }),
});

const DTYPES = ['bfloat16', 'float16', 'float32', 'auto'];

export const SCHEMA: { [S in SectionName]: { [K in keyof ConfigSections[S]]: Field } } = {
  model: {
    name: text('Bllossom/llama-3.2-Korean-Bllossom-AICA-5B'),
    path: optional(text('')),
    deviceMap: text('auto'),
    torchDtype: choice('bfloat16', DTYPES),
    lowCpuMemUsage: flag(true),
    trustRemoteCode: flag(false),
    crossRowMode: choice('hf', ['hf', 'meta']),
  },
  quantization: {
    type: choice('Q4_K_M', CONVERSION_TYPES),
    loadIn4bit: flag(true, 'load_in_4bit'),
    loadIn8bit: flag(false, 'load_in_8bit'),
    bnb4bitQuantType: choice('nf4', ['nf4', 'fp4'], 'bnb_4bit_quant_type'),
    bnb4bitComputeDtype: choice('bfloat16', DTYPES, 'bnb_4bit_compute_dtype'),
    bnb4bitUseDoubleQuant: flag(true, 'bnb_4bit_use_double_quant'),
  },
  generation: {
    maxTokens: integer(256, { min: 1, max: 1_000_000 }),
    temperature: number(0.7, { min: 0, max: 2 }),
    doSample: flag(true),
    topP: number(0.9, { above: 0, max: 1 }),
    topK: integer(50, { min: 0, max: 1_000_000 }),
    repetitionPenalty: number(1.1, { above: 0, max: 10 }),
  },
  hardware: {
    targetGpu: optional(text('')),
    targetVramGb: number(8, { above: 0, max: 4096 }),
    useCpuOffload: flag(false),
    maxMemoryUsage: number(0.9, { above: 0, max: 1 }),
    gpuLayers: {
      initial: 'auto',
      check: (name, value) => {
        if (value === 'auto' || (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 1000)) return value;
        return fail(name, '"auto" or an integer from 0 to 1000', value);
      },
    },
    threads: optional(integer(0, { min: 1, max: 512 })), // ggml's limit
    contextSize: optional(integer(0, { min: 8, max: 1 << 20 })),
    maxBatchSize: optional(integer(0, { min: 1, max: 256 })),
    maxImages: optional(integer(0, { min: 1, max: 256 })),
    kvCacheType: choice('f16', ['f16', 'f32']),
  },
  paths: {
    cacheDir: text('./model_cache'),
    logDir: text('./logs'),
    outputDir: text('./outputs'),
    configFile: text('./config.yaml'),
  },
  network: {
    allowImageUrls: flag(true),
    allowPrivateAddresses: flag(false),
    timeout: number(10, { above: 0, max: 3600 }),
    maxRedirects: integer(3, { min: 0, max: 10 }),
  },
};

export const SECTION_NAMES = Object.keys(SCHEMA) as SectionName[];

export function fieldsOf(section: SectionName): [key: string, field: Field][] {
  return Object.entries(SCHEMA[section]);
}

/** A section with the default of every key. */
export function defaultsOf<S extends SectionName>(section: S): ConfigSections[S] {
  return Object.fromEntries(
    fieldsOf(section).map(([key, { initial }]) => [key, initial]),
  ) as unknown as ConfigSections[S];
}

/** The checked values of a section, each read once. @throws InvalidArgumentError naming the first that is wrong */
export function checkSection<S extends SectionName>(sections: Pick<ConfigSections, S>, section: S): ConfigSections[S] {
  return reading(`${section} cannot be read`, () => {
    const values: object = sections[section];
    if (typeof values !== 'object' || values === null) fail(section, 'an object', values);
    return Object.fromEntries(
      fieldsOf(section).map(([key, field]) => [key, field.check(`${section}.${key}`, Reflect.get(values, key))]),
    ) as unknown as ConfigSections[S];
  });
}

/** The YAML spelling of a key. */
export function yamlKey(key: string, field: Field): string {
  return field.yaml ?? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
