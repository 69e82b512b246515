#include "vocab-check.h"

#include "error.h"
#include "gguf-metadata.h"
#include "utf8.h"

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace bllossom {

namespace {

constexpr size_t max_tokens         = 1 << 20;
constexpr size_t max_token_bytes    = 1024;
constexpr size_t max_merge_bytes    = 2048;
constexpr size_t max_template_bytes = 1 << 20;
constexpr size_t max_stop_tokens    = 256;
constexpr int32_t min_token_type    = 1; // normal
constexpr int32_t max_token_type    = 5; // unused; libllama takes the text of type 6 (byte) for "<0xNN>" unseen

/** UTF-8 without NUL. */
bool is_text(std::string_view bytes) {
    for (size_t i = 0; i < bytes.size();) {
        const utf8_character next = read_utf8(bytes.substr(i));
        if (next.n_bytes == 0 || next.code == 0) {
            return false;
        }
        i += next.n_bytes;
    }
    return true;
}

void check_tokenizer_kind(const gguf_metadata & file) {
    const std::string model(file.get_str("tokenizer.ggml.model")), pre(file.get_str("tokenizer.ggml.pre"));
    if (model != "gpt2" || (pre != "llama-bpe" && pre != "smaug-bpe")) {
        throw error(error_code::model_unsupported,
                    format("%s: the tokenizer is \"%.64s\" with pre-tokenizer \"%.64s\"; only gpt2 with llama-bpe or "
                           "smaug-bpe is supported",
                           file.path().c_str(), model.c_str(), pre.c_str()));
    }
}

void check_tokens(const gguf_metadata & file, const std::vector<std::string_view> & tokens) {
    if (tokens.empty() || tokens.size() > max_tokens) {
        file.fail(format("tokenizer.ggml.tokens has %zu entries, the limits are 1 and %zu", tokens.size(), max_tokens));
    }
    std::unordered_set<std::string_view> seen(tokens.size());
    for (size_t id = 0; id < tokens.size(); id++) {
        if (tokens[id].empty() || tokens[id].size() > max_token_bytes || !is_text(tokens[id])) {
            file.fail(format("token %zu is not UTF-8 text of 1 to %zu bytes", id, max_token_bytes));
        }
        if (!seen.insert(tokens[id]).second) {
            file.fail(format("token %zu has the same text as another one", id));
        }
    }
}

void check_token_types(const gguf_metadata & file, size_t n_tokens) {
    const auto types = file.get_i32_array("tokenizer.ggml.token_type");
    if (types.size() != n_tokens) {
        file.fail(format("tokenizer.ggml.token_type has %zu entries for %zu tokens", types.size(), n_tokens));
    }
    for (size_t id = 0; id < types.size(); id++) {
        if (types[id] < min_token_type || types[id] > max_token_type) {
            file.fail(format("token %zu has the type %d, the limits are %d and %d", id, types[id], min_token_type,
                             max_token_type));
        }
    }
}

void check_merges(const gguf_metadata & file, const std::vector<std::string_view> & merges) {
    for (size_t i = 0; i < merges.size(); i++) {
        const auto merge   = merges[i];
        const size_t space = merge.find(' ');
        const bool pair    = space != std::string_view::npos && space > 0 && space + 1 < merge.size() &&
                          merge.find(' ', space + 1) == std::string_view::npos;
        if (!pair || merge.size() > max_merge_bytes || !is_text(merge)) {
            file.fail(format("merge %zu is not a pair of UTF-8 texts with one space between, of at most %zu bytes", i,
                             max_merge_bytes));
        }
    }
}

void check_special_ids(const gguf_metadata & file, size_t n_tokens) {
    const auto last = uint32_t(n_tokens - 1);
    for (const char * key : {"bos_token_id", "eos_token_id", "padding_token_id"}) {
        file.get_u32(std::string("tokenizer.ggml.") + key, 0, last);
    }
    const auto stops = file.get_i32_array("tokenizer.ggml.eos_token_ids");
    if (stops.empty() || stops.size() > max_stop_tokens) {
        file.fail(format("tokenizer.ggml.eos_token_ids has %zu entries, the limits are 1 and %zu", stops.size(),
                         max_stop_tokens));
    }
    for (const int32_t id : stops) {
        if (id < 0 || uint32_t(id) > last) {
            file.fail(format("tokenizer.ggml.eos_token_ids holds %d, the last token is %u", id, last));
        }
    }
}

void check_chat_template(const gguf_metadata & file) {
    if (file.find("tokenizer.chat_template") == nullptr) {
        return;
    }
    const auto text = file.get_str("tokenizer.chat_template");
    if (text.size() > max_template_bytes || !is_text(text)) {
        file.fail(format("tokenizer.chat_template is not UTF-8 text of at most %zu bytes", max_template_bytes));
    }
}

void copy_strings(const gguf_metadata & file, const char * key, gguf_context * metadata) {
    const auto views = file.get_str_array(key);
    std::vector<std::string> texts(views.begin(), views.end()); // with a terminating NUL each
    std::vector<const char *> pointers;
    pointers.reserve(texts.size());
    for (const auto & text : texts) {
        pointers.push_back(text.c_str());
    }
    gguf_set_arr_str(metadata, key, pointers.data(), pointers.size());
}

} // namespace

void check_vocab(const gguf_metadata & file) {
    check_tokenizer_kind(file);
    const auto tokens = file.get_str_array("tokenizer.ggml.tokens");
    check_tokens(file, tokens);
    check_token_types(file, tokens.size());
    check_merges(file, file.get_str_array("tokenizer.ggml.merges"));
    check_special_ids(file, tokens.size());
    file.get_bool("tokenizer.ggml.add_bos_token");
    check_chat_template(file);
}

gguf_context_ptr make_vocab_metadata(const gguf_metadata & file) {
    check_vocab(file);
    gguf_context_ptr metadata(gguf_init_empty());
    gguf_set_val_str(metadata.get(), "general.architecture", "llama");
    for (const char * key : {"tokenizer.ggml.model", "tokenizer.ggml.pre"}) {
        gguf_set_val_str(metadata.get(), key, std::string(file.get_str(key)).c_str());
    }
    copy_strings(file, "tokenizer.ggml.tokens", metadata.get());
    copy_strings(file, "tokenizer.ggml.merges", metadata.get());

    const auto types = file.get_i32_array("tokenizer.ggml.token_type");
    gguf_set_arr_data(metadata.get(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types.data(), types.size());
    for (const char * key :
         {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.padding_token_id"}) {
        gguf_set_val_u32(metadata.get(), key, file.get_u32(key));
    }
    gguf_set_val_bool(metadata.get(), "tokenizer.ggml.add_bos_token", file.get_bool("tokenizer.ggml.add_bos_token"));
    gguf_set_val_bool(metadata.get(), "tokenizer.ggml.add_eos_token", false); // libllama's default for gpt2 is true
    return metadata;
}

} // namespace bllossom
