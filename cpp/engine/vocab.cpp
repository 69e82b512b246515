#include "vocab.h"

#include "assert-guard.h"
#include "error.h"
#include "log.h"
#include "utf8-hold.h"
#include "vocab-check.h"

#include <algorithm>

namespace bllossom {

static constexpr const char * key_stop_tokens   = "tokenizer.ggml.eos_token_ids";
static constexpr const char * key_add_bos       = "tokenizer.ggml.add_bos_token";
static constexpr const char * key_chat_template = "tokenizer.chat_template";

vocab::vocab(const gguf_metadata & file, int64_t n_vocab, int32_t image_token_id)
    : n_logits_(n_vocab), image_token_id_(image_token_id) {
    init_log();
    check_vocab(file);
    {
        // libllama refuses the architecture, so it is shown the tokenizer alone, under a name it knows.
        const assert_guard guard;
        gguf_context_ptr metadata = make_vocab_metadata(file);
        llama_model_params params = llama_model_default_params();
        params.vocab_only         = true;
        model_.reset(llama_model_init_from_user(metadata.get(), nullptr, nullptr, params));
    }
    if (!model_) {
        throw error(error_code::model_format, format("the tokenizer of %s could not be read", file.path().c_str()));
    }
    vocab_                 = llama_model_get_vocab(model_.get());
    const int32_t n_tokens = llama_vocab_n_tokens(vocab_);
    if (n_logits_ > n_tokens || image_token_id_ >= n_tokens) {
        throw error(error_code::model_format,
                    format("the vocabulary has %d tokens, but the model has %lld logits and image token %d", n_tokens,
                           (long long) n_logits_, image_token_id_));
    }

    for (int32_t id = 0; id < n_tokens; id++) {
        if (llama_vocab_is_control(vocab_, id)) {
            specials_.emplace(text(id), id);
        }
        if (llama_vocab_is_eog(vocab_, id)) {
            stop_.insert(id);
        }
    }
    for (const int32_t id : file.get_i32_array(key_stop_tokens)) {
        stop_.insert(id);
    }
    add_bos_ = file.get_bool(key_add_bos);
    if (file.find(key_chat_template)) {
        chat_template_ = file.get_str(key_chat_template);
    }
}

vocab::~vocab() = default;

std::string vocab::text(int32_t token) const {
    return llama_vocab_get_text(vocab_, token);
}

static void tokenize_text(const llama_vocab * vocab, const std::string & text, std::vector<int32_t> & out) {
    if (text.empty()) {
        return;
    }
    if (text.size() > size_t(INT32_MAX)) {
        throw error(error_code::invalid_option,
                    format("the text has %zu bytes, the limit is %d", text.size(), INT32_MAX));
    }
    const size_t first = out.size();
    out.resize(first + text.size()); // a byte-level vocabulary never makes more tokens than bytes
    const int32_t n = llama_tokenize(vocab, text.data(), int32_t(text.size()), out.data() + first, int32_t(text.size()),
                                     /*add_special*/ false, /*parse_special*/ false);
    if (n < 0) {
        throw error(error_code::internal, "tokenising made more tokens than bytes");
    }
    out.resize(first + size_t(n));
}

std::vector<int32_t> vocab::tokenize(const std::vector<prompt_part> & parts) const {
    std::vector<int32_t> out;
    std::string pending; // text parts in a row
    const auto flush = [&] {
        tokenize_text(vocab_, pending, out);
        pending.clear();
    };
    for (const prompt_part & part : parts) {
        switch (part.type) {
        case prompt_part::kind::text:
            pending += part.text;
            break;
        case prompt_part::kind::special: {
            flush();
            const auto found = specials_.find(part.text);
            if (found == specials_.end()) {
                throw error(error_code::invalid_option,
                            format("the vocabulary has no special token \"%.64s\"", part.text.c_str()));
            }
            out.push_back(found->second);
            break;
        }
        case prompt_part::kind::tokens:
            flush();
            for (const int32_t id : part.tokens) {
                if (id < 0 || (id >= n_logits_ && id != image_token_id_)) {
                    throw error(
                        error_code::invalid_option,
                        format("token id %d is outside the vocabulary of %lld tokens", id, (long long) n_logits_));
                }
            }
            out.insert(out.end(), part.tokens.begin(), part.tokens.end());
            break;
        }
    }
    flush();
    return out;
}

std::string vocab::piece(int32_t token) const {
    std::string buffer(64, '\0');
    const int32_t n = llama_token_to_piece(vocab_, token, buffer.data(), int32_t(buffer.size()), 0, /*special*/ false);
    if (n < 0) {
        buffer.resize(size_t(-n));
        llama_token_to_piece(vocab_, token, buffer.data(), int32_t(buffer.size()), 0, false);
    } else {
        buffer.resize(size_t(n));
    }
    return buffer;
}

std::string vocab::detokenize(const std::vector<int32_t> & tokens) const {
    utf8_hold hold;
    std::string out;
    for (const int32_t token : tokens) {
        if (token < 0 || token >= llama_vocab_n_tokens(vocab_)) {
            throw error(error_code::invalid_option, format("token id %d is outside the vocabulary of %d tokens", token,
                                                           llama_vocab_n_tokens(vocab_)));
        }
        out += hold.push(piece(token));
    }
    return out + hold.finish();
}

std::vector<std::string> vocab::special_texts() const {
    std::vector<std::string> texts;
    for (const auto & entry : specials_) {
        texts.push_back(entry.first);
    }
    std::sort(texts.begin(), texts.end());
    return texts;
}

std::vector<int32_t> vocab::stop_tokens() const {
    std::vector<int32_t> ids(stop_.begin(), stop_.end());
    std::sort(ids.begin(), ids.end());
    return ids;
}

} // namespace bllossom
