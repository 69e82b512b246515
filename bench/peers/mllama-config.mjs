// The config of transformers for the shapes of a model file (docs/gguf.md).

/** @param metadata of `inspectGguf` */
export function mllamaConfig(metadata) {
  const text = (name) => metadata[`mllama.${name}`];
  const vision = (name) => text(`vision.${name}`);
  const pairs = vision('supported_aspect_ratios');
  return {
    model_type: 'mllama',
    image_token_index: text('image_token_id'),
    text_config: {
      model_type: 'mllama_text_model',
      vocab_size: text('vocab_size'),
      bos_token_id: metadata['tokenizer.ggml.bos_token_id'],
      eos_token_id: metadata['tokenizer.ggml.eos_token_id'],
      pad_token_id: metadata['tokenizer.ggml.padding_token_id'],
      hidden_size: text('embedding_length'),
      intermediate_size: text('feed_forward_length'),
      num_hidden_layers: text('block_count'),
      num_attention_heads: text('attention.head_count'),
      num_key_value_heads: text('attention.head_count_kv'),
      cross_attention_layers: text('attention.cross_attention_layers'),
      rms_norm_eps: text('attention.layer_norm_rms_epsilon'),
      rope_theta: text('rope.freq_base'),
    },
    vision_config: {
      model_type: 'mllama_vision_model',
      hidden_size: vision('embedding_length'),
      intermediate_size: vision('feed_forward_length'),
      num_hidden_layers: vision('block_count'),
      num_global_layers: vision('global.block_count'),
      attention_heads: vision('attention.head_count'),
      norm_eps: vision('attention.layer_norm_epsilon'),
      image_size: vision('image_size'),
      patch_size: vision('patch_size'),
      num_channels: vision('num_channels'),
      max_num_tiles: vision('max_num_tiles'),
      intermediate_layers_indices: vision('intermediate_layers_indices'),
      supported_aspect_ratios: pairs.flatMap((rows, i) => (i % 2 === 0 ? [[rows, pairs[i + 1]]] : [])),
      vision_output_dim: vision('vision_output_dim'),
    },
  };
}
