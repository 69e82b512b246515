// The small files of a checkpoint, as transformers 4.45 wrote those of the released ones.
import { ASPECT_RATIOS } from './tensors.mjs';

const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711];

const CHAT_TEMPLATE = `{{- bos_token }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
    {%- if message['content'] is string %}
        {{- message['content'] | trim }}
    {%- else %}
        {%- for item in message['content'] %}
            {%- if item['type'] == 'image' %}
                {{- '<|image|>' }}
            {%- elif item['type'] == 'text' %}
                {{- item['text'] | trim }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
    {{- '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
`;

/** @returns {Map<string, object>} by file name, without the tokenizer and the tensors */
export function smallFiles(preset, { vocabSize, tokens, control }) {
  const id = (text) => tokens.length + control.indexOf(text);
  const ids = { bos_token_id: id('<|begin_of_text|>'), pad_token_id: id('<|finetune_right_pad_id|>') };
  const named = {
    bos_token: '<|begin_of_text|>',
    eos_token: '<|eot_id|>',
    pad_token: '<|finetune_right_pad_id|>',
  };
  const { imageSize } = preset.vision;
  return new Map([
    ['config.json', config(preset, vocabSize, { ...ids, eos_token_id: id('<|end_of_text|>') })],
    [
      'generation_config.json',
      { _from_model_config: true, do_sample: true, ...ids, eos_token_id: id('<|end_of_text|>') },
    ],
    ['special_tokens_map.json', named],
    ['tokenizer_config.json', { ...named, tokenizer_class: 'PreTrainedTokenizerFast', model_max_length: 131072 }],
    ['chat_template.json', { chat_template: CHAT_TEMPLATE }],
    [
      'preprocessor_config.json',
      {
        ...{ image_processor_type: 'MllamaImageProcessor', processor_class: 'MllamaProcessor', max_image_tiles: 4 },
        ...{ do_convert_rgb: true, do_normalize: true, do_pad: true, do_rescale: true, do_resize: true, resample: 2 },
        ...{ image_mean: CLIP_MEAN, image_std: CLIP_STD, rescale_factor: 1 / 255 },
        size: { height: imageSize, width: imageSize },
      },
    ],
  ]);
}

function config({ name, text, vision }, vocabSize, ids) {
  return {
    _name_or_path: name,
    architectures: ['MllamaForConditionalGeneration'],
    model_type: 'mllama',
    image_token_index: vocabSize,
    torch_dtype: 'bfloat16',
    text_config: {
      ...{ model_type: 'mllama_text_model', vocab_size: vocabSize, hidden_size: text.width, hidden_act: 'silu' },
      ...{ num_hidden_layers: text.layers, cross_attention_layers: text.crossLayers, intermediate_size: text.inner },
      ...{ num_attention_heads: text.heads, num_key_value_heads: text.kvHeads, rms_norm_eps: 1e-5, ...ids },
      ...{ max_position_embeddings: 131072, rope_theta: 500000, tie_word_embeddings: text.tied === true },
      rope_scaling: {
        ...{ rope_type: 'llama3', factor: 32, low_freq_factor: 1, high_freq_factor: 4 },
        original_max_position_embeddings: 8192,
      },
    },
    vision_config: {
      ...{ model_type: 'mllama_vision_model', hidden_size: vision.width, hidden_act: 'gelu', norm_eps: 1e-5 },
      ...{ num_hidden_layers: vision.layers, num_global_layers: vision.globalLayers, attention_heads: vision.heads },
      ...{ intermediate_size: vision.inner, intermediate_layers_indices: vision.intermediates },
      vision_output_dim: vision.width * (1 + vision.intermediates.length),
      ...{ image_size: vision.imageSize, patch_size: vision.patchSize, num_channels: 3, max_num_tiles: 4 },
      supported_aspect_ratios: ASPECT_RATIOS,
    },
  };
}
