// Tokenizer: llama.cpp's published vectors of the Llama 3 vocabulary, and what a prompt may not smuggle in.

#include "check.h"
#include "error.h"
#include "gguf-file.h"
#include "support/llama3-vocab.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"
#include "vocab.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>

using namespace bllossom;

namespace {

const temp_dir dir;
const std::string llama_bpe = "vendor/llama.cpp/models/ggml-vocab-llama-bpe.gguf";

constexpr int32_t n_logits = 128256, id_image = 128256, id_bos = 128000, id_eos = 128001, id_pad = 128004,
                  id_eom = 128008, id_eot = 128009;

const vocab & llama3() {
    static const vocab v(gguf_file(tiny::write_llama3_vocab(dir.file("llama3.gguf"))), n_logits, id_image);
    return v;
}

const vocab & tiny_words() {
    static const std::unique_ptr<vocab> v = [] {
        tiny::write_model(dir.file("tiny.gguf"), {});
        return std::make_unique<vocab>(gguf_file(dir.file("tiny.gguf")), 263, 263);
    }();
    return *v;
}

using ids = std::vector<int32_t>;

prompt_part text(const std::string & value) {
    return {prompt_part::kind::text, value, {}};
}
prompt_part special(const std::string & value) {
    return {prompt_part::kind::special, value, {}};
}
prompt_part tokens(const ids & value) {
    return {prompt_part::kind::tokens, "", value};
}

std::string code_of(const std::function<void()> & body) {
    try {
        body();
    } catch (const error & e) {
        return error_code_name(e.code());
    }
    return "";
}

std::vector<std::string> split(const std::string & all, const std::string & separator) {
    std::vector<std::string> parts;
    size_t at = 0;
    for (size_t next; (next = all.find(separator, at)) != std::string::npos; at = next + separator.size()) {
        parts.push_back(all.substr(at, next - at));
    }
    parts.push_back(all.substr(at));
    return parts;
}

std::string read(const std::string & path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> vector_texts() {
    auto texts = split(read(llama_bpe + ".inp"), "\n__ggml_vocab_test__\n");
    if (!texts.empty() && texts.back().empty()) {
        texts.pop_back();
    }
    return texts;
}

void every_published_vector_agrees() {
    const auto texts = vector_texts();
    const auto lines = split(read(llama_bpe + ".out"), "\n");
    CHECK(texts.size() > 40 && lines.size() >= texts.size());
    size_t n_equal = 0;
    for (size_t i = 0; i < texts.size(); i++) {
        std::istringstream numbers(lines[i]);
        const ids wanted{std::istream_iterator<int32_t>(numbers), {}};
        const bool equal = llama3().tokenize({text(texts[i])}) == wanted;
        CHECK(equal);
        n_equal += equal;
    }
    std::printf("%zu of %zu vectors equal\n", n_equal, texts.size());
}

void the_chat_prompt_has_the_known_ids() {
    const ids prompt = llama3().tokenize(
        {special("<|begin_of_text|>"), special("<|start_header_id|>"), text("user"), special("<|end_header_id|>"),
         text("\n\n"), special("<|image|>"), text("Describe this image in two sentences"), special("<|eot_id|>"),
         special("<|start_header_id|>"), text("assistant"), special("<|end_header_id|>"), text("\n\n")});
    CHECK((prompt == ids{128000, 128006, 882, 128007, 271, 128256, 75885, 420, 2217, 304, 1403, 23719, 128009, 128006,
                         78191, 128007, 271}));
    CHECK((llama3().tokenize({text("What is the Eiffel Tower?")}) == ids{3923, 374, 279, 469, 3168, 301, 22703, 30}));
}

void typed_specials_stay_text() {
    const vocab & v = llama3();
    for (const std::string & name : v.special_texts()) {
        for (const std::string & typed : {name, "a" + name + "b", " " + name + "\n", name + name}) {
            const ids result = v.tokenize({text(typed)});
            CHECK(std::all_of(result.begin(), result.end(), [](int32_t id) { return id < id_bos; }));
            CHECK(v.detokenize(result) == typed);
        }
    }
    CHECK((v.tokenize({text("<|image|>")}) == ids{27, 91, 1843, 91, 29}));
    CHECK((v.tokenize({text("<|eot"), text("_id|>")}) == v.tokenize({text("<|eot_id|>")})));
}

void adjacent_texts_are_one() {
    const vocab & v = llama3();
    for (const std::string & whole : vector_texts()) {
        for (size_t cut = 0; cut <= std::min<size_t>(whole.size(), 12); cut++) {
            if (cut < whole.size() && (uint8_t(whole[cut]) & 0xC0) == 0x80) {
                continue; // a text part is UTF-8
            }
            CHECK(v.tokenize({text(whole.substr(0, cut)), text(""), text(whole.substr(cut))}) ==
                  v.tokenize({text(whole)}));
        }
    }
    const ids joined = v.tokenize({text("he"), special("<|eot_id|>"), text("llo")});
    CHECK(std::count(joined.begin(), joined.end(), int32_t(id_eot)) == 1 && joined.front() != id_eot);
    CHECK(v.tokenize({}).empty() && v.tokenize({text("")}).empty());
}

void wrong_parts_are_refused() {
    const vocab & v = llama3();
    for (const char * name : {"", "<|no_such|>", "hello", "eot_id", "<|eot_id|", "<|image|> "}) {
        CHECK(code_of([&] { v.tokenize({special(name)}); }) == "ERR_INVALID_OPTION");
    }
    for (const int32_t id : {-1, INT32_MIN, 128257, 128263, INT32_MAX}) {
        CHECK(code_of([&] { v.tokenize({tokens({1, id})}); }) == "ERR_INVALID_OPTION");
        CHECK(code_of([&] { v.detokenize({1, id}); }) == "ERR_INVALID_OPTION");
    }
    CHECK((v.tokenize({tokens({0, 128255, id_image})}) == ids{0, 128255, id_image}));
    CHECK(code_of([] { vocab(gguf_file(dir.file("llama3.gguf")), 128258, 5); }) == "ERR_MODEL_FORMAT");
    CHECK(code_of([] { vocab(gguf_file(dir.file("llama3.gguf")), n_logits, 128257); }) == "ERR_MODEL_FORMAT");
}

bool is_utf8(const std::string & bytes) {
    for (size_t i = 0; i < bytes.size();) {
        const auto first = uint8_t(bytes[i]);
        const size_t n   = first < 0x80   ? 1
                           : first < 0xC2 ? 0
                           : first < 0xE0 ? 2
                           : first < 0xF0 ? 3
                           : first < 0xF5 ? 4
                                          : 0;
        if (n == 0 || i + n > bytes.size()) {
            return false;
        }
        for (size_t k = 1; k < n; k++) {
            if ((uint8_t(bytes[i + k]) & 0xC0) != 0x80) {
                return false;
            }
        }
        i += n;
    }
    return true;
}

void every_token_has_printable_text() {
    for (const vocab * v : {&llama3(), &tiny_words()}) {
        size_t n_empty = 0;
        const auto n   = int32_t(v->n_logits()) + 1;
        for (int32_t id = 0; id < n; id++) {
            CHECK(is_utf8(v->detokenize({id})));
            n_empty += v->piece(id).empty();
        }
        CHECK(n_empty == v->special_texts().size()); // control tokens, and nothing else
        CHECK(v->piece(v->image_token_id()).empty());
    }
}

void texts_come_back() {
    for (const std::string & whole : vector_texts()) {
        CHECK(llama3().detokenize(llama3().tokenize({text(whole)})) == whole);
        CHECK(tiny_words().detokenize(tiny_words().tokenize({text(whole)})) == whole);
    }
    CHECK((tiny_words().tokenize({text("th")}) == ids{256}));
    CHECK(llama3().detokenize(
              llama3().tokenize({special("<|begin_of_text|>"), text("한국어"), special("<|eot_id|>")})) == "한국어");
}

void every_end_token_stops() {
    // the file lists 128001 alone; the ends of a turn and of a message are known by their texts
    const vocab & v = llama3();
    CHECK(v.is_stop(id_eos) && v.is_stop(id_eom) && v.is_stop(id_eot));
    CHECK(!v.is_stop(id_bos) && !v.is_stop(id_image) && !v.is_stop(0) && !v.is_stop(id_pad));
    CHECK((v.stop_tokens() == ids{id_eos, id_eom, id_eot}));
    CHECK((tiny_words().stop_tokens() == ids{258, 260}));
    CHECK(v.text(v.bos()) == "<|begin_of_text|>" && v.text(v.eos()) == "<|end_of_text|>" && !v.add_bos());
    CHECK(v.chat_template().empty() && !tiny_words().chat_template().empty() && tiny_words().add_bos());
}

} // namespace

int main() {
    every_published_vector_agrees();
    the_chat_prompt_has_the_known_ids();
    typed_specials_stay_text();
    adjacent_texts_are_one();
    wrong_parts_are_refused();
    every_token_has_printable_text();
    texts_come_back();
    every_end_token_stops();
    return check::summary();
}
