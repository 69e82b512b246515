#pragma once
// The vocabulary's keys, checked before libllama sees them: it asserts on duplicate tokens, throws out of range on
// wrong ids and aborts on byte tokens in a BPE vocabulary.

#include <ggml-cpp.h>

namespace bllossom {

class gguf_metadata;

/**
 * Checks every tokenizer key of docs/gguf.md. Throws error{model_format} naming the key and the entry,
 * error{model_unsupported} for another kind of tokenizer.
 */
void check_vocab(const gguf_metadata & file);

/**
 * Checks the vocabulary and copies it into metadata that llama_model_init_from_user loads with vocab_only: the
 * architecture is relabelled "llama", nothing but the tokenizer is carried over. May be freed once the model is loaded.
 */
gguf_context_ptr make_vocab_metadata(const gguf_metadata & file);

} // namespace bllossom
