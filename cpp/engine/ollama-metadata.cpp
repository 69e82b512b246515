#include "error.h"
#include "ollama-layout.h"

#include <algorithm>
#include <set>

namespace bllossom {

namespace {

constexpr const char * image_token = "<|image|>";
constexpr uint32_t max_tile_count  = 64; // as in hparams.cpp, before pairs are counted up to it

/** What the preprocessor of every released Mllama is set to; Ollama's files leave it out. */
const std::vector<float> clip_mean = {0.48145466f, 0.4578275f, 0.40821073f};
const std::vector<float> clip_std  = {0.26862954f, 0.26130258f, 0.27577711f};

/** Keys that mean the same in both schemas. Those that no writer leaves out are missed by whoever needs them. */
const std::vector<const char *> text_keys = {
    "general.file_type",           "general.quantization_version",   "mllama.context_length",
    "mllama.embedding_length",     "mllama.feed_forward_length",     "mllama.block_count",
    "mllama.attention.head_count", "mllama.attention.head_count_kv", "mllama.attention.layer_norm_rms_epsilon",
    "mllama.rope.freq_base",       "tokenizer.ggml.model",           "tokenizer.ggml.tokens",
    "tokenizer.ggml.token_type",   "tokenizer.ggml.merges",          "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.eos_token_id", "tokenizer.chat_template",
};
const std::vector<const char *> vision_keys = {
    "mllama.vision.embedding_length",     "mllama.vision.feed_forward_length",
    "mllama.vision.block_count",          "mllama.vision.global.block_count",
    "mllama.vision.attention.head_count", "mllama.vision.attention.layer_norm_epsilon",
    "mllama.vision.image_size",           "mllama.vision.patch_size",
    "mllama.vision.num_channels",         "mllama.vision.max_num_tiles",
};

class translator {
  public:
    translator(const gguf_file & text, const gguf_file & vision) : text_(text), vision_(vision), out_(text.path()) {}

    gguf_metadata translate() {
        out_.set("general.architecture", std::string("mllama"));
        out_.set("general.type", std::string("model"));
        out_.set("mllama.schema_version", uint32_t(1));
        copy_or_set(text_, "general.name", std::string("mllama"));
        copy(text_, text_keys);
        copy(vision_, vision_keys);
        translate_text();
        translate_vision();
        translate_tokenizer();
        return std::move(out_);
    }

  private:
    void copy(const gguf_file & from, const std::vector<const char *> & keys) {
        for (const char * key : keys) {
            if (const gguf_entry * entry = from.find(key)) {
                out_.copy(from, *entry);
            }
        }
    }

    template <typename T> void copy_or_set(const gguf_file & from, const char * key, const T & value) {
        if (const gguf_entry * entry = from.find(key)) {
            out_.copy(from, *entry);
        } else {
            out_.set(key, value);
        }
    }

    /** An array of integers of any width. */
    void copy_integers(const gguf_file & from, const char * key) {
        const gguf_entry * entry = from.find(key);
        if (entry == nullptr || !entry->is_array) {
            from.fail(format("the key \"%s\" is missing or no array", key));
        }
        std::vector<int32_t> values;
        for (const auto & element : from.elements(*entry)) {
            const auto * u = std::get_if<uint64_t>(&element);
            const auto * i = std::get_if<int64_t>(&element);
            if ((u == nullptr || *u > INT32_MAX) && (i == nullptr || *i < 0 || *i > INT32_MAX)) {
                from.fail(format("%s holds something else than numbers from 0 to %d", key, INT32_MAX));
            }
            values.push_back(u != nullptr ? int32_t(*u) : int32_t(*i));
        }
        out_.set(key, values);
    }

    void translate_text() {
        const gguf_tensor * head = text_.find_tensor("output.weight");
        const auto n_tokens      = uint32_t(tokens().size());
        copy_or_set(text_, "mllama.vocab_size", head != nullptr ? uint32_t(head->ne[1]) : n_tokens - 1);

        const uint32_t n_head = text_.get_u32("mllama.attention.head_count", 1);
        copy_or_set(text_, "mllama.rope.dimension_count", text_.get_u32("mllama.embedding_length") / n_head);
        copy_integers(text_, "mllama.attention.cross_attention_layers");
        // what the factors were computed from is not told; the tensor holds the factors themselves
        const bool is_scaled = text_.find_tensor("rope_freqs.weight") != nullptr;
        out_.set("mllama.rope.scaling.type", std::string(is_scaled ? "llama3" : "none"));
    }

    void translate_vision() {
        constexpr auto intermediates = "mllama.vision.intermediate_layers_indices";
        copy_integers(vision_, intermediates);
        const uint32_t n_states = 1 + uint32_t(out_.find(intermediates)->count);
        const uint32_t n_tiles  = vision_.get_u32("mllama.vision.max_num_tiles", 1, max_tile_count);
        const uint32_t n_embd   = vision_.get_u32("mllama.vision.embedding_length");
        std::vector<int32_t> ratios; // (rows, cols) of every canvas, in the order of the ids
        for (uint32_t rows = 1; rows <= n_tiles; rows++) {
            for (uint32_t cols = 1; rows * cols <= n_tiles; cols++) {
                ratios.insert(ratios.end(), {int32_t(rows), int32_t(cols)});
            }
        }
        out_.set("mllama.vision.supported_aspect_ratios", ratios);
        out_.set("mllama.vision.vision_output_dim", n_embd * n_states);
        out_.set("mllama.vision.feature_order", std::string("concatenated"));
        out_.set("mllama.vision.gates", std::string("activated"));
        copy_or_set(vision_, "mllama.vision.image_mean", clip_mean);
        copy_or_set(vision_, "mllama.vision.image_std", clip_std);
        out_.set("mllama.vision.image_rescale_factor", 1.0f / 255);
    }

    const std::vector<std::string_view> & tokens() {
        if (tokens_.empty()) {
            tokens_ = text_.get_str_array("tokenizer.ggml.tokens");
        }
        if (tokens_.empty()) {
            text_.fail("tokenizer.ggml.tokens is empty");
        }
        return tokens_;
    }

    void translate_tokenizer() {
        const auto found = std::find(tokens().begin(), tokens().end(), image_token);
        if (found == tokens().end()) {
            text_.fail(
                format("the vocabulary has no %s; the token list was cut, and no picture can be shown", image_token));
        }
        out_.set("mllama.image_token_id", uint32_t(found - tokens().begin()));

        // "default" is what Ollama's converter writes for a pattern that it does not recognise
        const gguf_entry * pre = text_.find("tokenizer.ggml.pre");
        const bool is_known    = pre != nullptr && text_.get_str("tokenizer.ggml.pre") != "default";
        out_.set("tokenizer.ggml.pre", std::string(is_known ? text_.get_str("tokenizer.ggml.pre") : "llama-bpe"));
        copy_or_set(text_, "tokenizer.ggml.padding_token_id", text_.get_u32("tokenizer.ggml.eos_token_id"));
        copy_or_set(text_, "tokenizer.ggml.add_bos_token", true);
        out_.set("tokenizer.ggml.eos_token_ids", stop_tokens());
    }

    /** What the file says, and the ends of turns: files name one of them, and a chat needs the others. */
    std::vector<int32_t> stop_tokens() {
        std::set<int32_t> ids = {int32_t(text_.get_u32("tokenizer.ggml.eos_token_id", 0, INT32_MAX))};
        if (const gguf_entry * entry = text_.find("tokenizer.ggml.eos_token_ids")) {
            for (const auto & element : text_.elements(*entry, 256)) {
                if (const auto * u = std::get_if<uint64_t>(&element)) {
                    ids.insert(int32_t(std::min<uint64_t>(*u, INT32_MAX)));
                } else if (const auto * i = std::get_if<int64_t>(&element)) {
                    ids.insert(int32_t(std::clamp<int64_t>(*i, -1, INT32_MAX)));
                }
            }
        }
        for (size_t id = 0; id < tokens().size(); id++) {
            const auto & text = tokens()[id];
            if (text == "<|end_of_text|>" || text == "<|eom_id|>" || text == "<|eot_id|>") {
                ids.insert(int32_t(id));
            }
        }
        return {ids.begin(), ids.end()};
    }

    const gguf_file & text_;
    const gguf_file & vision_;
    gguf_metadata out_;
    std::vector<std::string_view> tokens_;
};

} // namespace

gguf_metadata ollama_metadata(const gguf_file & text, const gguf_file & vision) {
    return translator(text, vision).translate();
}

} // namespace bllossom
