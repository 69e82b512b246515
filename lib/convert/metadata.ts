import type { NativeMetadataEntry } from '../native/binding.js';
import { type HyperParameters, textHeadSize, visionOutputLength } from './hyper-parameters.js';
import type { Tokenizer } from './tokenizer.js';
import { type ConversionType, FILE_TYPE_NUMBERS } from './types.js';

/** Of docs/gguf.md. */
const SCHEMA_VERSION = 1;
/** ggml's version of its block formats. */
const QUANTIZATION_VERSION = 2;

type Entry = NativeMetadataEntry;
const u32 = (key: string, value: number): Entry => ({ key, type: 'u32', value });
const f32 = (key: string, value: number): Entry => ({ key, type: 'f32', value });
const text = (key: string, value: string): Entry => ({ key, type: 'string', value });
const i32s = (key: string, value: readonly number[]): Entry => ({ key, type: 'i32[]', value });
const f32s = (key: string, value: readonly number[]): Entry => ({ key, type: 'f32[]', value });
const texts = (key: string, value: readonly string[]): Entry => ({ key, type: 'string[]', value });

/** The metadata of docs/gguf.md, in its order. */
export function buildMetadata(
  hp: HyperParameters,
  tokenizer: Tokenizer,
  chatTemplate: string | undefined,
  type: ConversionType,
): Entry[] {
  return [
    text('general.architecture', 'mllama'),
    text('general.type', 'model'),
    text('general.name', hp.name),
    u32('general.file_type', FILE_TYPE_NUMBERS[type]),
    u32('general.quantization_version', QUANTIZATION_VERSION),
    u32('mllama.schema_version', SCHEMA_VERSION),
    ...textEntries(hp),
    ...visionEntries(hp),
    ...tokenizerEntries(tokenizer),
    ...(chatTemplate === undefined ? [] : [text('tokenizer.chat_template', chatTemplate)]),
  ];
}

function textEntries({ text: hp, imageTokenId }: HyperParameters): Entry[] {
  const scaling = hp.ropeScaling;
  return [
    u32('mllama.vocab_size', hp.vocabSize),
    u32('mllama.context_length', hp.contextLength),
    u32('mllama.embedding_length', hp.embeddingLength),
    u32('mllama.feed_forward_length', hp.feedForwardLength),
    u32('mllama.block_count', hp.blockCount),
    u32('mllama.attention.head_count', hp.headCount),
    u32('mllama.attention.head_count_kv', hp.headCountKv),
    f32('mllama.attention.layer_norm_rms_epsilon', hp.rmsEpsilon),
    i32s('mllama.attention.cross_attention_layers', hp.crossLayers),
    f32('mllama.rope.freq_base', hp.ropeBase),
    u32('mllama.rope.dimension_count', textHeadSize(hp)),
    text('mllama.rope.scaling.type', scaling === undefined ? 'none' : 'llama3'),
    ...(scaling === undefined
      ? []
      : [
          f32('mllama.rope.scaling.factor', scaling.factor),
          f32('mllama.rope.scaling.low_freq_factor', scaling.lowFrequencyFactor),
          f32('mllama.rope.scaling.high_freq_factor', scaling.highFrequencyFactor),
          u32('mllama.rope.scaling.original_context_length', scaling.originalContextLength),
        ]),
    u32('mllama.image_token_id', imageTokenId),
  ];
}

function visionEntries({ vision: hp }: HyperParameters): Entry[] {
  return [
    u32('mllama.vision.embedding_length', hp.embeddingLength),
    u32('mllama.vision.feed_forward_length', hp.feedForwardLength),
    u32('mllama.vision.block_count', hp.blockCount),
    u32('mllama.vision.global.block_count', hp.globalBlockCount),
    u32('mllama.vision.attention.head_count', hp.headCount),
    f32('mllama.vision.attention.layer_norm_epsilon', hp.normEpsilon),
    u32('mllama.vision.image_size', hp.imageSize),
    u32('mllama.vision.patch_size', hp.patchSize),
    u32('mllama.vision.num_channels', hp.channels),
    u32('mllama.vision.max_num_tiles', hp.maxTiles),
    i32s('mllama.vision.intermediate_layers_indices', hp.intermediateLayers),
    i32s('mllama.vision.supported_aspect_ratios', hp.aspectRatios.flat()),
    u32('mllama.vision.vision_output_dim', visionOutputLength(hp)),
    text('mllama.vision.feature_order', 'concatenated'),
    text('mllama.vision.gates', 'raw'),
    f32s('mllama.vision.image_mean', hp.imageMean),
    f32s('mllama.vision.image_std', hp.imageStd),
    f32('mllama.vision.image_rescale_factor', hp.rescaleFactor),
  ];
}

function tokenizerEntries(tokenizer: Tokenizer): Entry[] {
  return [
    text('tokenizer.ggml.model', 'gpt2'),
    text('tokenizer.ggml.pre', tokenizer.pre),
    texts('tokenizer.ggml.tokens', tokenizer.tokens),
    i32s('tokenizer.ggml.token_type', tokenizer.types),
    texts('tokenizer.ggml.merges', tokenizer.merges),
    u32('tokenizer.ggml.bos_token_id', tokenizer.bosId),
    u32('tokenizer.ggml.eos_token_id', tokenizer.eosId),
    u32('tokenizer.ggml.padding_token_id', tokenizer.paddingId),
    i32s('tokenizer.ggml.eos_token_ids', tokenizer.stopIds),
    { key: 'tokenizer.ggml.add_bos_token', type: 'bool', value: tokenizer.addBos },
  ];
}
