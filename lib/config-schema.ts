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
  show,
} from './check.js';
import { readDeviceMap, readDtype, readFlag, readNumber } from './config-values.js';
import { CONVERSION_TYPES } from './convert/types.js';
import { InvalidArgumentError } from './errors.js';
import { likelyMeant } from './misspelling.js';

export interface ModelSection {
  /** Id on the hub, or an alias of the registry ("aica-5b"); looked for in `paths.cacheDir`. */
  name: string;
  /** A GGUF file, or "ollama:<name>" for a Llama 3.2 Vision model of Ollama; goes before `name`. */
  path: string | null;
  /** The projector, where `path` is the text model of a model in two files, as old versions of Ollama made them. */
  projector: string | null;
  /**
   * For files of Ollama: whether tanh has been applied to the gates of the vision tower's global layers. "auto" sees it
   * in the numbers, which tells nothing only where the checkpoint was in 32 bits.
   */
  ollamaGates: 'auto' | 'raw' | 'activated';
  /**
   * For files of Ollama: the order of the rows in each head of cross-attention queries and keys. "auto" is "paired", as
   * Ollama's converters wrote them; "halves" is the order of the checkpoint.
   */
  ollamaHeads: 'auto' | 'paired' | 'halves';
  /**
   * "auto" (the GPU that `hardware.targetGpu` names, else as many GPUs as it takes, else the CPU), "cpu", "cuda" (the
   * same of CUDA's GPUs alone) or the name of a device ("CUDA1", "cuda:1"). A GPU that is named is never left out: what
   * does not fit is refused. In files null and the placements of accelerate ("balanced", "sequential", …) mean "auto".
   */
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
  /** true in a file without `type`: Q4_K_M. Programs set `type`. */
  loadIn4bit: boolean;
  /** true in a file without `type`: Q8_0. A file that asks for both, without `type`, is refused. */
  loadIn8bit: boolean;
  /** This and the next two are accepted from files of the Python original; they are bitsandbytes' own and have no effect. */
  bnb4bitQuantType: string;
  bnb4bitComputeDtype: string;
  bnb4bitUseDoubleQuant: boolean;
}

export interface GenerationSection {
  /** At least 1. */
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
  /**
   * The GPU that `model.deviceMap: "auto"` takes: its number among the machine's, or a part of its name ("RTX 4060").
   * null: as many as it takes. Without effect on a machine without GPU, and beside a `deviceMap` that names a device.
   */
  targetGpu: string | number | null;
  /** GB (2^30 bytes) of `targetGpu` that may be planned for. Without effect where `targetGpu` has none. */
  targetVramGb: number;
  /** Accepted from files of the Python original; layers that do not fit on the GPU always stay with the CPU. */
  useCpuOffload: boolean;
  /**
   * Share of the free memory, of each GPU and of the machine (or its cgroup), that may be planned for. Above 0, up to 1.
   * What does not fit is not begun: `loadModel` ends with an `OutOfMemoryError`.
   */
  maxMemoryUsage: number;
  /** Text layers on GPUs, the last ones. "auto": as many as fit; a number is kept or refused. */
  gpuLayers: 'auto' | number;
  /** null: as many as there are physical cores. */
  threads: number | null;
  /** Positions of the cache, shared by all running requests; null: the model's, at most 8192, down to 2048 as they fit. */
  contextSize: number | null;
  /** Requests computed together; null: 4. */
  maxBatchSize: number | null;
  /** Images whose states are kept in memory, and at most in one request; null: 4, or fewer where they do not fit. */
  maxImages: number | null;
  /**
   * Type of the attention caches. f32: exact, twice the memory; q8_0: half of it, logits differ by about 1 %; auto: f16,
   * or q8_0 where more fits with it.
   */
  kvCacheType: 'f16' | 'f32' | 'q8_0' | 'auto';
}

export interface PathsSection {
  /** Where models of the hub are looked for. Folders are made when something is first written to them. */
  cacheDir: string;
  /** Kept for what is written later; nothing is written there yet. */
  logDir: string;
  /** Where conversations are exported to. */
  outputDir: string;
  /** Where `saveToYaml` writes unless told otherwise. */
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
  /** Whether a model that is not in the cache is an error rather than downloaded. HF_HUB_OFFLINE=1 means the same. */
  offline: boolean;
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

const MAX_GPU = 999;

export interface Field {
  initial: unknown;
  /** Spelling in YAML, where it is not the snake_case of the key. */
  yaml?: string;
  /** What people write in files and mean by it, before `check`: `"256"` for 256, `torch.float16`, `yes`. */
  fromFile?: (value: unknown) => unknown;
  /** @throws InvalidArgumentError */
  check(name: string, value: unknown): unknown;
}

const text = (initial: string): Field => ({ initial, check: checkText });
const flag = (initial: boolean, yaml?: string): Field => ({
  initial,
  check: checkBoolean,
  fromFile: readFlag,
  ...(yaml && { yaml }),
});
const number = (initial: number, range: NumberRange): Field => ({
  initial,
  check: (name, value) => checkNumber(name, value, range),
  fromFile: readNumber,
});
const integer = (initial: number, range: NumberRange): Field => ({
  initial,
  check: (name, value) => checkInteger(name, value, range),
  fromFile: readNumber,
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
const dtype = (initial: string, yaml?: string): Field => ({
  ...choice(initial, ['bfloat16', 'float16', 'float32', 'auto'], yaml),
  fromFile: readDtype,
});

const deviceMap: Field = { ...text('auto'), fromFile: readDeviceMap };

const targetGpu: Field = {
  initial: null,
  check: (name, value) => {
    if (value === null || (typeof value === 'string' && value.trim() !== '')) return value;
    if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_GPU) return value;
    return fail(name, `the name of a GPU, its number from 0 to ${MAX_GPU}, or null`, value);
  },
};

const gpuLayers: Field = {
  initial: 'auto',
  check: (name, value) => {
    if (value === 'auto' || (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 1000)) return value;
    return fail(name, '"auto" or an integer from 0 to 1000', value);
  },
  fromFile: readNumber,
};

export const SCHEMA: { [S in SectionName]: { [K in keyof ConfigSections[S]]: Field } } = {
  model: {
    name: text('Bllossom/llama-3.2-Korean-Bllossom-AICA-5B'),
    path: optional(text('')),
    projector: optional(text('')),
    ollamaGates: choice('auto', ['auto', 'raw', 'activated']),
    ollamaHeads: choice('auto', ['auto', 'paired', 'halves']),
    deviceMap,
    torchDtype: dtype('bfloat16'),
    lowCpuMemUsage: flag(true),
    trustRemoteCode: flag(false),
    crossRowMode: choice('hf', ['hf', 'meta']),
  },
  quantization: {
    type: choice('Q4_K_M', CONVERSION_TYPES),
    loadIn4bit: flag(true, 'load_in_4bit'),
    loadIn8bit: flag(false, 'load_in_8bit'),
    bnb4bitQuantType: choice('nf4', ['nf4', 'fp4'], 'bnb_4bit_quant_type'),
    bnb4bitComputeDtype: dtype('bfloat16', 'bnb_4bit_compute_dtype'),
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
    targetGpu,
    targetVramGb: number(8, { above: 0, max: 4096 }),
    useCpuOffload: flag(false),
    maxMemoryUsage: number(0.9, { above: 0, max: 1 }),
    gpuLayers,
    threads: optional(integer(0, { min: 1, max: 512 })), // ggml's limit
    contextSize: optional(integer(0, { min: 8, max: 1 << 20 })),
    maxBatchSize: optional(integer(0, { min: 1, max: 256 })),
    maxImages: optional(integer(0, { min: 1, max: 256 })),
    kvCacheType: choice('f16', ['f16', 'f32', 'q8_0', 'auto']),
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
    offline: flag(false),
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

/**
 * The checked values of a section, each read once.
 *
 * @throws InvalidArgumentError naming the first that is wrong, or a key that looks misspelled
 */
export function checkSection<S extends SectionName>(sections: Pick<ConfigSections, S>, section: S): ConfigSections[S] {
  return reading(`${section} cannot be read`, () => {
    const values: object = sections[section];
    if (typeof values !== 'object' || values === null) fail(section, 'a section of the configuration', values);
    const fields = fieldsOf(section);
    const checked = fields.map(([key, field]) => [key, field.check(`${section}.${key}`, Reflect.get(values, key))]);
    checkSpelling(section, Object.keys(values));
    return Object.fromEntries(checked) as unknown as ConfigSections[S];
  });
}

function checkSpelling(section: SectionName, keys: readonly string[]): void {
  const known = fieldsOf(section).map(([key]) => key);
  for (const key of keys) {
    const meant = known.includes(key) ? undefined : likelyMeant(key, known);
    if (meant !== undefined) {
      throw new InvalidArgumentError(`Unknown key ${show(key)} in ${section}: did you mean ${meant}?`);
    }
  }
}

/** Whether null is a value of its own; where it is not, a file that gives it means the default. */
export function takesNull(field: Field): boolean {
  return field.initial === null;
}

/** The YAML spelling of a key. */
export function yamlKey(key: string, field: Field): string {
  return field.yaml ?? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
