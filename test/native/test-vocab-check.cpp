// The vocabulary of the tiny model reaches libllama unchanged; a wrong one is refused before it gets there.

#include "check.h"
#include "error.h"
#include "gguf-file.h"
#include "support/gguf-image.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"
#include "vocab-check.h"

#include <fstream>
#include <functional>
#include <memory>

#include <llama.h>

using namespace bllossom;

namespace {

const temp_dir dir;

std::string read_bytes(const std::string & path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string good_path() {
    static const std::string path = [] {
        tiny::write_model(dir.file("good.gguf"), {});
        return dir.file("good.gguf");
    }();
    return path;
}

/** The name of the code and the message of what check_vocab throws after a change. */
std::string refusal(const std::string & key, const std::string & value) {
    auto image             = tiny::gguf_image::parse(read_bytes(good_path()));
    image.find(key).value  = value;
    const std::string path = dir.file("changed.gguf"), bytes = image.serialize();
    std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
    try {
        check_vocab(gguf_file(path));
    } catch (const error & e) {
        return std::string(error_code_name(e.code())) + " " + e.what();
    }
    return "";
}

bool has(const std::string & text, const char * part) {
    return text.find(part) != std::string::npos;
}

void libllama_loads_the_metadata() {
    const gguf_file file(good_path());
    auto params       = llama_model_default_params();
    params.vocab_only = true;
    const std::unique_ptr<llama_model, decltype(&llama_model_free)> model(
        llama_model_init_from_user(make_vocab_metadata(file).get(), nullptr, nullptr, params), llama_model_free);
    CHECK(model != nullptr);
    const llama_vocab * vocab = llama_model_get_vocab(model.get());
    const auto tokens         = tiny::vocabulary();
    CHECK(llama_vocab_n_tokens(vocab) == int32_t(tokens.size()));
    CHECK(tokens.back() == "<|image|>" && llama_vocab_get_text(vocab, int32_t(tokens.size()) - 1) == tokens.back());
    CHECK(llama_vocab_bos(vocab) == 257 && llama_vocab_eos(vocab) == 258 && llama_vocab_pad(vocab) == 259);
    CHECK(llama_vocab_get_add_bos(vocab) && !llama_vocab_get_add_eos(vocab));

    llama_token ids[16];
    const std::string text = "the <|image|>";
    const int32_t n        = llama_tokenize(vocab, text.data(), int32_t(text.size()), ids, 16, false, true);
    CHECK((std::vector<llama_token>(ids, ids + n) == std::vector<llama_token>{256, 'e', ' ', 263}));
}

void refuses_wrong_tokens() {
    const auto with_token = [](const std::string & text) {
        auto tokens = tiny::vocabulary();
        tokens[100] = text;
        return refusal("tokenizer.ggml.tokens", tiny::raw_string_array(tokens));
    };
    CHECK(with_token("unused text").empty());
    CHECK(has(with_token("a"), "same text"));
    CHECK(has(with_token(""), "token 100"));
    CHECK(has(with_token(std::string("x\0y", 3)), "token 100"));
    CHECK(has(with_token(std::string(1025, 'x')), "token 100"));
    for (const char * bad : {"\xff", "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82",
                             "a\xf0\x9f\x98"}) {
        CHECK(has(with_token(bad), "not UTF-8"));
    }
    for (const char * good :
         {"\xc2\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf", "\xed\x95\x9c\xea\xb5\xad"}) {
        CHECK(with_token(good).empty());
    }
}

void refuses_wrong_types_merges_and_ids() {
    const auto types = [](size_t n, int32_t type) {
        return refusal("tokenizer.ggml.token_type", tiny::raw_array(GGUF_TYPE_INT32, std::vector<int32_t>(n, type)));
    };
    const size_t n = tiny::vocabulary().size();
    CHECK(types(n, 1).empty() && types(n, 4).empty());
    CHECK(has(types(n, 0), "type 0") && has(types(n, 6), "type 6") && has(types(n - 1, 1), "entries for"));

    for (const char * merge : {"", " ", "ab", "a ", " b", "a  b", "a b c", "\xff b"}) {
        CHECK(has(refusal("tokenizer.ggml.merges", tiny::raw_string_array({"t h", merge})), "merge 1"));
    }
    CHECK(refusal("tokenizer.ggml.merges", tiny::raw_string_array({})).empty());
    for (const char * key :
         {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.padding_token_id"}) {
        CHECK(has(refusal(key, tiny::raw(uint32_t(n))), key));
        CHECK(refusal(key, tiny::raw(uint32_t(n - 1))).empty());
    }
    for (const int32_t id : {-1, int32_t(n)}) {
        CHECK(has(refusal("tokenizer.ggml.eos_token_ids", tiny::raw_array<int32_t>(GGUF_TYPE_INT32, {id})),
                  "eos_token_ids"));
    }
    CHECK(has(refusal("tokenizer.ggml.eos_token_ids", tiny::raw_array<int32_t>(GGUF_TYPE_INT32, {})), "0 entries"));
    CHECK(has(refusal("tokenizer.chat_template", tiny::raw_string(std::string((1 << 20) + 1, 'x'))), "chat_template"));
}

void refuses_another_tokenizer() {
    CHECK(has(refusal("tokenizer.ggml.model", tiny::raw_string("llama")), "ERR_MODEL_UNSUPPORTED"));
    CHECK(has(refusal("tokenizer.ggml.pre", tiny::raw_string("qwen2")), "ERR_MODEL_UNSUPPORTED"));
    CHECK(refusal("tokenizer.ggml.pre", tiny::raw_string("smaug-bpe")).empty());
}

} // namespace

int main() {
    libllama_loads_the_metadata();
    refuses_wrong_tokens();
    refuses_wrong_types_merges_and_ids();
    refuses_another_tokenizer();
    return check::summary();
}
