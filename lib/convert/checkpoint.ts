import { ModelFormatError } from '../errors.js';
import { isObject, JsonReader, parseObject } from './json.js';
import { type OpenTensorSource, openSafetensors } from './safetensors.js';
import type { CheckpointFiles } from './tensor-source.js';

/** Everything of a Hugging Face checkpoint that a conversion reads. */
export interface Checkpoint {
  /** For messages: a path or an address. */
  location: string;
  config: JsonReader;
  generationConfig: JsonReader;
  /** The image processor's settings. */
  preprocessorConfig: JsonReader;
  tokenizer: JsonReader;
  tokenizerConfig: JsonReader;
  specialTokensMap: JsonReader;
  chatTemplate: string | undefined;
  tensors: OpenTensorSource;
  close(): Promise<void>;
}

/** Opens a checkpoint: the small files whole, of the tensors only the headers. Only config.json and tokenizer.json must be there. */
export async function openCheckpoint(files: CheckpointFiles): Promise<Checkpoint> {
  const names = new Set(await files.list());
  const read = async (name: string): Promise<JsonReader> =>
    new JsonReader(names.has(name) ? parseObject(await files.readText(name), name) : {}, name);
  for (const name of ['config.json', 'tokenizer.json']) {
    if (!names.has(name)) {
      throw new ModelFormatError(`${files.location} has no ${name}; it must be a complete Hugging Face checkpoint`);
    }
  }

  const processorConfig = await read('processor_config.json');
  const tokenizerConfig = await read('tokenizer_config.json');
  const small = {
    location: files.location,
    config: await read('config.json'),
    generationConfig: await read('generation_config.json'),
    preprocessorConfig: names.has('preprocessor_config.json')
      ? await read('preprocessor_config.json')
      : processorConfig.child('image_processor'),
    tokenizer: await read('tokenizer.json'),
    tokenizerConfig,
    specialTokensMap: await read('special_tokens_map.json'),
    chatTemplate: await readChatTemplate(files, names, [processorConfig, tokenizerConfig]),
  };
  const tensors = await openSafetensors(files);
  return { ...small, tensors, close: () => tensors.close() };
}

/** As transformers looks for it: chat_template.json, chat_template.jinja, processor_config.json, tokenizer_config.json. */
async function readChatTemplate(files: CheckpointFiles, names: Set<string>, configs: JsonReader[]) {
  if (names.has('chat_template.json')) {
    const file = new JsonReader(
      parseObject(await files.readText('chat_template.json'), 'chat_template.json'),
      'chat_template.json',
    );
    return pickTemplate(file);
  }
  if (names.has('chat_template.jinja')) {
    return files.readText('chat_template.jinja');
  }
  return configs.map(pickTemplate).find((template) => template !== undefined);
}

/** The template under `chat_template`: a text, or the one called "default" of several. */
function pickTemplate(file: JsonReader): string | undefined {
  const value = file.value('chat_template');
  const template = Array.isArray(value)
    ? value.find((item) => isObject(item) && item.name === 'default')?.template
    : isObject(value)
      ? value.default
      : value;
  if (template !== undefined && typeof template !== 'string') {
    throw file.wrong('chat_template', template, 'a text');
  }
  return template;
}
