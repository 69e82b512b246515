#pragma once
// The vocabulary: libllama's tokenizer over the metadata of the file. Immutable; may be used from any thread.

#include "gguf-metadata.h"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <llama.h>

namespace bllossom {

/**
 * A piece of a prompt. Control tokens come only from `special` parts (what a chat template wrote); text is never parsed
 * for them, so that a user who types `<|eot_id|>` sends those characters.
 */
struct prompt_part {
    enum class kind { special, text, tokens };
    kind type = kind::text;
    std::string text;            // special: the token's text; text: any UTF-8
    std::vector<int32_t> tokens; // tokens: ready ids
};

class vocab {
  public:
    /** Throws error{model_format} when the tokenizer keys are damaged. */
    vocab(const gguf_metadata & file, int64_t n_vocab, int32_t image_token_id);
    ~vocab();

    /** Adjacent text parts are tokenised as one string. Throws error{invalid_option} for an unknown special or id. */
    std::vector<int32_t> tokenize(const std::vector<prompt_part> & parts) const;

    /** The bytes of a token; empty for control tokens. A piece may hold part of a character: see utf8-hold.h. */
    std::string piece(int32_t token) const;

    /** Text of tokens, control tokens left out; bytes that are not UTF-8 become U+FFFD. */
    std::string detokenize(const std::vector<int32_t> & tokens) const;

    bool is_stop(int32_t token) const { return stop_.count(token) > 0; }

    const llama_vocab * get() const { return vocab_; }
    int64_t n_logits() const { return n_logits_; }
    int32_t image_token_id() const { return image_token_id_; }
    std::string text(int32_t token) const; // as written in templates: "<|eot_id|>"
    int32_t bos() const { return llama_vocab_bos(vocab_); }
    int32_t eos() const { return llama_vocab_eos(vocab_); }
    bool add_bos() const { return add_bos_; }
    std::vector<std::string> special_texts() const;
    std::vector<int32_t> stop_tokens() const;
    const std::string & chat_template() const { return chat_template_; } // empty: none

  private:
    struct model_deleter {
        void operator()(llama_model * m) const { llama_model_free(m); }
    };

    std::unique_ptr<llama_model, model_deleter> model_; // vocabulary only
    const llama_vocab * vocab_ = nullptr;
    int64_t n_logits_;
    int32_t image_token_id_;
    bool add_bos_ = false;
    std::string chat_template_;
    std::unordered_map<std::string, int32_t> specials_;
    std::unordered_set<int32_t> stop_;
};

} // namespace bllossom
