#include "support/llama3-vocab.h"

#include "check.h"

#include <vector>

#include <ggml-cpp.h>

namespace tiny {

static constexpr const char * llama_bpe = "vendor/llama.cpp/models/ggml-vocab-llama-bpe.gguf";

constexpr int32_t id_bos = 128000, id_eos = 128001, id_pad = 128004, id_eom = 128008, id_eot = 128009;

std::string write_llama3_vocab(const std::string & path) {
    gguf_context_ptr source(gguf_init_from_file(llama_bpe, {true, nullptr}));
    CHECK(source != nullptr);
    const auto strings = [&](const char * key) {
        const int64_t id = gguf_find_key(source.get(), key);
        std::vector<std::string> texts(gguf_get_arr_n(source.get(), id));
        for (size_t i = 0; i < texts.size(); i++) {
            texts[i] = gguf_get_arr_str(source.get(), id, i);
        }
        return texts;
    };
    auto tokens       = strings("tokenizer.ggml.tokens");
    const auto merges = strings("tokenizer.ggml.merges");
    const int64_t id  = gguf_find_key(source.get(), "tokenizer.ggml.token_type");
    const auto * data = static_cast<const int32_t *>(gguf_get_arr_data(source.get(), id));
    std::vector<int32_t> types(data, data + tokens.size());
    CHECK(tokens.size() == size_t(llama3_n_logits) && tokens[id_eot] == "<|eot_id|>");
    tokens[id_eom] = "<|eom_id|>"; // reserved in Llama 3, named since 3.1
    tokens.push_back("<|image|>");
    types.push_back(3); // control

    gguf_context_ptr target(gguf_init_empty());
    const auto put = [&](const char * key, const std::vector<std::string> & texts) {
        std::vector<const char *> pointers;
        for (const auto & text : texts) {
            pointers.push_back(text.c_str());
        }
        gguf_set_arr_str(target.get(), key, pointers.data(), pointers.size());
    };
    gguf_set_val_str(target.get(), "general.architecture", "mllama");
    gguf_set_val_str(target.get(), "tokenizer.ggml.model", "gpt2");
    gguf_set_val_str(target.get(), "tokenizer.ggml.pre", "llama-bpe");
    put("tokenizer.ggml.tokens", tokens);
    put("tokenizer.ggml.merges", merges);
    gguf_set_arr_data(target.get(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types.data(), types.size());
    gguf_set_val_u32(target.get(), "tokenizer.ggml.bos_token_id", id_bos);
    gguf_set_val_u32(target.get(), "tokenizer.ggml.eos_token_id", id_eos);
    gguf_set_val_u32(target.get(), "tokenizer.ggml.padding_token_id", id_pad);
    const int32_t stops[] = {id_eos};
    gguf_set_arr_data(target.get(), "tokenizer.ggml.eos_token_ids", GGUF_TYPE_INT32, stops, 1);
    gguf_set_val_bool(target.get(), "tokenizer.ggml.add_bos_token", false);
    CHECK(gguf_write_to_file(target.get(), path.c_str(), true));
    return path;
}

} // namespace tiny
