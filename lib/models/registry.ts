/** The models that have a short name: `models/registry.yaml`, read once and checked. */

import { fileURLToPath } from 'node:url';
import {
  checkArray,
  checkBoolean,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkString,
  checkText,
  fail,
  show,
} from '../check.js';
import { CONVERSION_TYPES, type ConversionType } from '../convert/types.js';
import { InvalidArgumentError } from '../errors.js';
import { likelyMeant } from '../misspelling.js';
import { readYaml } from '../yaml-file.js';

/** A model of the registry. */
export interface KnownModel {
  /** Short name, e.g. "aica-5b". */
  readonly alias: string;
  /** Id on the hub, e.g. "Bllossom/llama-3.2-Korean-Bllossom-AICA-5B". */
  readonly repository: string;
  readonly title: string;
  readonly licence: Licence;
  /** Whether the hub gives it only to accounts that have accepted the licence there. */
  readonly gated: boolean;
  readonly architecture: ExpectedArchitecture;
  readonly parameters: number;
  /** Bytes of its tensors on the hub, in BF16. */
  readonly downloadBytes: number;
  readonly sizes: Readonly<Record<ConversionType, ModelSize>>;
}

export interface Licence {
  /** As the hub names it, e.g. "llama3.2". */
  readonly id: string;
  readonly title: string;
  readonly url: string;
  /** Whom it excludes. */
  readonly note: { readonly en: string; readonly ko: string };
}

/** What config.json is expected to say. The converter goes by the checkpoint itself. */
export interface ExpectedArchitecture {
  readonly layers: number;
  /** Numbers of the layers with cross-attention, ascending. */
  readonly crossLayers: readonly number[];
  readonly embeddingLength: number;
  readonly feedForwardLength: number;
  readonly headCount: number;
  readonly headCountKv: number;
  readonly vocabSize: number;
  /** Positions it was trained for. */
  readonly contextLength: number;
  /** Pixels of one side of a tile. */
  readonly imageSize: number;
  readonly maxTiles: number;
}

/** Bytes of a model in one quantization type. */
export interface ModelSize {
  /** The GGUF file. */
  readonly file: number;
  /** What loading with the default settings takes: weights, caches for 8192 positions and 4 images, scratch. */
  readonly memory: number;
}

/** A model of the hub, by whatever name it was asked for. */
export interface ResolvedModel {
  /** Id on the hub: "owner/name". */
  readonly repository: string;
  /** Branch, tag or commit, where the name gave one after "@". */
  readonly revision: string | undefined;
  /** What the registry says of it; undefined for a model that it does not list. */
  readonly entry: KnownModel | undefined;
}

const FILE = fileURLToPath(new URL('../../models/registry.yaml', import.meta.url));
/** As the hub allows: letters, digits, "-", "_" and "."; neither part begins with a dot or a dash. */
const REPOSITORY = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/;
const ALIAS = /^[a-z0-9][a-z0-9.-]{0,62}$/;
const REVISION = /^[A-Za-z0-9][\w./-]{0,254}$/;

let known: readonly KnownModel[] | undefined;

/** Every model of the registry, in its order. */
export function knownModels(): readonly KnownModel[] {
  known ??= readRegistry(FILE);
  return known;
}

/**
 * Finds the model that a name means: an alias of the registry, an id of the hub (case does not matter for those that
 * the registry lists), and after either "@" and a revision.
 *
 * @throws InvalidArgumentError for anything else, with the alias that was probably meant
 */
export function resolveModel(nameOrAlias: string): ResolvedModel {
  const given = checkText('model', nameOrAlias);
  const [name, revision] = splitRevision(given);
  const entry = knownModel(name);
  if (entry !== undefined) return { repository: entry.repository, revision, entry };
  if (isRepository(name)) return { repository: name, revision, entry: undefined };
  const aliases = knownModels().map(({ alias }) => alias);
  const meant = likelyMeant(name, aliases);
  throw new InvalidArgumentError(
    `There is no model ${show(given)}: ${meant === undefined ? '' : `did you mean ${meant}? `}` +
      `Known are ${aliases.join(', ')}; any other is named by its id on the hub, such as ${knownModels()[0]?.repository}`,
  );
}

/** The model of the registry with this alias or id. */
function knownModel(name: string): KnownModel | undefined {
  const plain = name.toLowerCase();
  return knownModels().find(({ alias, repository }) => alias === plain || repository.toLowerCase() === plain);
}

function isRepository(name: string): boolean {
  return REPOSITORY.test(name) && !name.includes('..') && !name.includes('--');
}

function splitRevision(name: string): [name: string, revision: string | undefined] {
  const at = name.indexOf('@');
  if (at < 0) return [name, undefined];
  const revision = name.slice(at + 1);
  if (!REVISION.test(revision) || revision.includes('..')) {
    fail('the revision of model', 'a branch, tag or commit after "@"', revision);
  }
  return [name.slice(0, at), revision];
}

/** @throws InvalidArgumentError naming the key that is wrong; IoError */
export function readRegistry(file: string): KnownModel[] {
  const content: unknown = readYaml(file).document.toJS();
  const { licences, models } = section('registry', content, ['licences', 'models']);
  const known = new Map(entriesOf('licences', licences).map(([id, value]) => [id, readLicence(id, value)]));
  const result = entriesOf('models', models).map(([alias, value]) => readModel(alias, value, known));
  if (result.length === 0) fail('models', 'at least one model', models);
  return result;
}

function readLicence(id: string, value: unknown): Licence {
  const name = `licences.${id}`;
  const { title, url, note } = section(name, value, ['title', 'url', 'note']);
  const { en, ko } = section(`${name}.note`, note, ['en', 'ko']);
  if (typeof url !== 'string' || !url.startsWith('https://')) fail(`${name}.url`, 'an https address', url);
  return {
    ...{ id, url, title: checkText(`${name}.title`, title) },
    note: { en: checkText(`${name}.note.en`, en), ko: checkText(`${name}.note.ko`, ko) },
  };
}

const MODEL_KEYS = ['repository', 'title', 'licence', 'gated', 'architecture', 'parameters', 'download', 'sizes'];

function readModel(alias: string, value: unknown, licences: ReadonlyMap<string, Licence>): KnownModel {
  const name = `models.${alias}`;
  if (!ALIAS.test(alias)) fail('an alias', 'small letters, digits, "-" and "."', alias);
  const given = section(name, value, MODEL_KEYS);
  const repository = checkString(`${name}.repository`, given.repository);
  if (!isRepository(repository)) fail(`${name}.repository`, 'an id of the hub', repository);
  const licence = licences.get(checkOneOf(`${name}.licence`, given.licence, [...licences.keys()]));
  return {
    ...{ alias, repository, licence: licence as Licence },
    title: checkText(`${name}.title`, given.title),
    gated: checkBoolean(`${name}.gated`, given.gated),
    architecture: readArchitecture(`${name}.architecture`, given.architecture),
    parameters: checkInteger(`${name}.parameters`, given.parameters, { min: 1 }),
    downloadBytes: checkInteger(`${name}.download`, given.download, { min: 1 }),
    sizes: readSizes(`${name}.sizes`, given.sizes),
  };
}

const ARCHITECTURE_KEYS = {
  layers: 'layers',
  embeddingLength: 'embedding_length',
  feedForwardLength: 'feed_forward_length',
  headCount: 'head_count',
  headCountKv: 'head_count_kv',
  vocabSize: 'vocab_size',
  contextLength: 'context_length',
  imageSize: 'image_size',
  maxTiles: 'max_tiles',
} as const;

/** @throws InvalidArgumentError naming the key that is wrong */
export function readArchitecture(name: string, value: unknown): ExpectedArchitecture {
  const given = section(name, value, [...Object.values(ARCHITECTURE_KEYS), 'cross_layers']);
  const numbers = Object.entries(ARCHITECTURE_KEYS).map(([key, spelled]) => [
    key,
    checkInteger(`${name}.${spelled}`, given[spelled], { min: 1, max: 1 << 20 }),
  ]);
  const { layers, ...others }: Record<keyof typeof ARCHITECTURE_KEYS, number> = Object.fromEntries(numbers);
  const crossLayers = checkArray(`${name}.cross_layers`, given.cross_layers as unknown[], layers).map((layer, i) =>
    checkInteger(`${name}.cross_layers[${i}]`, layer, { min: 0, max: layers - 1 }),
  );
  return { layers, crossLayers, ...others };
}

function readSizes(name: string, value: unknown): Record<ConversionType, ModelSize> {
  const given = section(name, value, CONVERSION_TYPES);
  return Object.fromEntries(
    CONVERSION_TYPES.map((type) => {
      const { file, memory } = section(`${name}.${type}`, given[type], ['file', 'memory']);
      const bytes = (key: string, count: unknown) => checkInteger(`${name}.${type}.${key}`, count, { min: 1 });
      return [type, { file: bytes('file', file), memory: bytes('memory', memory) }];
    }),
  ) as Record<ConversionType, ModelSize>;
}

/** A mapping with no other keys than these. */
function section(name: string, value: unknown, keys: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) fail(name, 'a mapping', value);
  return checkOptions(name, value as Record<string, unknown>, keys);
}

function entriesOf(name: string, value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(name, 'a mapping', value);
  return Object.entries(value);
}
