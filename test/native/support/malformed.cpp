#include "support/malformed.h"

#include <climits>
#include <cmath>
#include <random>

#include <ggml.h>
#include <gguf.h>

namespace tiny {

namespace {

const std::vector<uint32_t> extreme_u32 = {
    0,  1,   2,   3,   5,   7,   8,   13,   16,   17,    31,    32,     33,        48,          63,         64,
    65, 127, 128, 255, 256, 257, 513, 1025, 4097, 65535, 65537, 999999, INT32_MAX, 0x80000000u, 0xffffffffu};
const std::vector<float> extreme_f32        = {0.0f,  -0.0f, 1.0f, -1.0f, 1e-45f, 1e-38f, 1e-13f,   1e-12f,    0.1f,
                                               0.11f, 1e6f,  1e7f, 1e38f, -1e38f, NAN,    INFINITY, -INFINITY, 3.4e38f};
const std::vector<uint64_t> extreme_dims    = {0,          1,          2,    31, 32, 33, 1ull << 31, (1ull << 31) + 1,
                                               1ull << 32, 1ull << 62, ~0ull};
const std::vector<uint64_t> extreme_offsets = {1, 31, 32, 64, 1ull << 20, 1ull << 40, 1ull << 63, ~0ull - 31, ~0ull};
const std::vector<std::string> bad_texts    = {"",
                                               std::string("a\0b", 3),
                                               std::string(1025, 'x'),
                                               std::string(1 << 20, 'x'),
                                               "\xff",
                                               "\xc0\x80",
                                               "\xe2\x82",
                                               "\xed\xa0\x80",
                                               "\xf4\x90\x80\x80",
                                               "<0x-1>",
                                               " ",
                                               "\n",
                                               "a b",
                                               "<|eot_id|>",
                                               "[EMPTY_3]",
                                               "\xef\xbb\xbf",
                                               "!",
                                               "\xe2\x96\x81"};
const std::vector<std::string> bad_merges   = {
      "",   " ", "a", "a ", " b", "a  b", "a b c", std::string(3000, 'a') + " b", "\xff a", "\n", std::string("a\0 b", 4),
      "t h"};

constexpr int32_t n_kv_types     = 16; // 13 known ones and three beyond
constexpr int32_t n_tensor_types = 48;

class generator {
  public:
    generator(const gguf_image & good, std::string title, uint32_t seed, double share,
              const std::function<void(const malformed_case &)> & run)
        : good_(good), title_(std::move(title)), random_(seed), share_(share), run_(run) {}

    void all() {
        header_bytes();
        entries_dropped_and_doubled();
        entry_types();
        extreme_values();
        pairs_of_extremes();
        index_lists();
        counts_and_alignment();
        tensors_dropped_and_renamed();
        tensor_types();
        tensor_shapes();
        tensor_offsets();
        vocabulary();
        weights();
    }

  private:
    using edit = std::function<void(gguf_image &)>;

    /** Thins out a family; `at_least` keeps more of one that finds more. */
    bool chosen(double at_least = 0) {
        return std::uniform_real_distribution<>()(random_) < std::max(share_, at_least);
    }
    size_t pick(size_t n) { return random_() % n; }

    /** Damage that leaves no sound file, whatever the model is. */
    static bool is_always_wrong(const std::string & category) {
        return category.find("truncated") == 0 || category.find("doubled") != std::string::npos ||
               category == "weights not finite";
    }
    void emit(const char * category, const std::string & name, std::string bytes) {
        run_({category, title_ + ": " + name, std::move(bytes), is_always_wrong(category)});
    }
    void emit(const char * category, const std::string & name, const edit & change) {
        gguf_image image = good_;
        change(image);
        emit(category, name, image.serialize());
    }

    // --- bytes -----------------------------------------------------------------------------------------------

    void header_bytes() {
        const std::string bytes = good_.serialize();
        const size_t size       = good_.header_bytes();
        for (size_t at = 0; at < size; at++) {
            if (chosen()) {
                emit("truncated header", "first " + std::to_string(at) + " bytes", bytes.substr(0, at));
            }
            for (int bit = 0; bit < 8; bit++) {
                if (chosen()) {
                    std::string flipped = bytes;
                    flipped[at]         = char(flipped[at] ^ (1 << bit));
                    emit("flipped bit", "byte " + std::to_string(at) + " bit " + std::to_string(bit), flipped);
                }
            }
            if (chosen()) {
                std::string random = bytes;
                for (size_t i = at; i < std::min(size, at + 8); i++) {
                    random[i] = char(random_());
                }
                emit("random bytes", "8 at " + std::to_string(at), random);
            }
        }
        for (size_t i = 1; i < 16; i++) {
            const size_t keep = size + good_.data.size() * i / 16;
            emit("truncated data", "first " + std::to_string(keep) + " bytes", bytes.substr(0, keep));
        }
    }

    // --- metadata --------------------------------------------------------------------------------------------

    void entries_dropped_and_doubled() {
        for (size_t i = 0; i < good_.entries.size(); i++) {
            const auto & key = good_.entries[i].key;
            emit("key dropped", key, [&](gguf_image & image) { image.entries.erase(image.entries.begin() + long(i)); });
            emit("key doubled", key, [&](gguf_image & image) { image.entries.push_back(image.entries[i]); });
        }
    }

    /** A value of any type that a reader of the wrong type could take for a good one. */
    static std::string small_value(int32_t type) {
        constexpr size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
        if (type == GGUF_TYPE_STRING) {
            return raw_string("llama");
        }
        return type < GGUF_TYPE_COUNT && type != GGUF_TYPE_ARRAY ? raw(uint64_t(2)).substr(0, sizes[type]) : "";
    }

    void entry_types() {
        for (size_t i = 0; i < good_.entries.size(); i++) {
            for (int32_t type = -1; type < n_kv_types; type++) {
                const std::string name = good_.entries[i].key + " type " + std::to_string(type);
                if (chosen()) { // the bytes stay, so all that follows is read shifted
                    emit("key type", name + " alone", [&](gguf_image & image) { image.entries[i].type = type; });
                }
                if (type >= 0 && chosen()) {
                    emit("key type", name, [&](gguf_image & image) {
                        image.entries[i].type  = type;
                        image.entries[i].value = small_value(type);
                    });
                }
                if (chosen()) {
                    emit("array type", name, [&](gguf_image & image) {
                        image.entries[i].type  = GGUF_TYPE_ARRAY;
                        image.entries[i].value = raw(type) + raw(uint64_t(1)) + small_value(std::max(0, type));
                    });
                }
            }
        }
    }

    static bool is_number(const gguf_image::entry & entry) {
        return entry.type == GGUF_TYPE_UINT32 || entry.type == GGUF_TYPE_FLOAT32;
    }
    static size_t n_extremes(const gguf_image::entry & entry) {
        return entry.type == GGUF_TYPE_UINT32 ? extreme_u32.size() : extreme_f32.size();
    }
    static void set_extreme(gguf_image::entry & entry, size_t i) {
        entry.value = entry.type == GGUF_TYPE_UINT32 ? raw(extreme_u32[i]) : raw(extreme_f32[i]);
    }

    void extreme_values() {
        for (size_t i = 0; i < good_.entries.size(); i++) {
            for (size_t k = 0; is_number(good_.entries[i]) && k < n_extremes(good_.entries[i]); k++) {
                if (chosen(0.5)) {
                    emit("extreme value", good_.entries[i].key + " #" + std::to_string(k),
                         [&](gguf_image & image) { set_extreme(image.entries[i], k); });
                }
            }
        }
    }

    void pairs_of_extremes() {
        const auto n_pairs = size_t(30000 * share_) + 100;
        for (size_t n = 0; n < n_pairs; n++) {
            size_t pair[2] = {pick(good_.entries.size()), pick(good_.entries.size())};
            if (!is_number(good_.entries[pair[0]]) || !is_number(good_.entries[pair[1]])) {
                continue;
            }
            gguf_image image = good_;
            std::string name;
            for (const size_t i : pair) {
                const size_t k = pick(n_extremes(image.entries[i]));
                set_extreme(image.entries[i], k);
                name += image.entries[i].key + " #" + std::to_string(k) + " ";
            }
            emit("pair of extremes", name, image.serialize());
        }
    }

    void index_lists() {
        const std::vector<std::vector<int32_t>> lists = {{},
                                                         {0},
                                                         {1},
                                                         {2},
                                                         {3},
                                                         {-1},
                                                         {0, 1},
                                                         {1, 0},
                                                         {1, 1},
                                                         {0, 2},
                                                         {1, 2},
                                                         {0, 1, 2},
                                                         {0, 1, 3},
                                                         {99},
                                                         {1, 3},
                                                         {INT_MIN},
                                                         {INT_MAX},
                                                         {1, INT_MAX},
                                                         {0, 0},
                                                         {1, -1},
                                                         {INT_MAX, 2},
                                                         {2, 2},
                                                         {1, 5},
                                                         {5, 1},
                                                         {4, 1},
                                                         {65536, 65536},
                                                         std::vector<int32_t>(2048, 1)};
        for (const char * key : {"mllama.attention.cross_attention_layers", "mllama.vision.intermediate_layers_indices",
                                 "mllama.vision.supported_aspect_ratios", "tokenizer.ggml.eos_token_ids"}) {
            for (size_t i = 0; good_.has(key) && i < lists.size(); i++) {
                emit("index list", std::string(key) + " #" + std::to_string(i),
                     [&](gguf_image & image) { image.find(key).value = raw_array(GGUF_TYPE_INT32, lists[i]); });
            }
        }
        for (const char * key : {"mllama.vision.image_mean", "mllama.vision.image_std"}) {
            for (size_t i = 0; good_.has(key) && i < extreme_f32.size(); i++) {
                const float value = extreme_f32[i];
                emit("index list", std::string(key) + " " + std::to_string(value), [&](gguf_image & image) {
                    image.find(key).value = raw_array<float>(GGUF_TYPE_FLOAT32, {0.5f, value, 0.5f});
                });
            }
        }
    }

    void counts_and_alignment() {
        for (const auto extra : {1ull, ~0ull, 1ull << 20, 1ull << 32, 1ull << 62, 1ull << 63}) {
            emit("counts", "keys + " + std::to_string(extra), good_.serialize(extra, 0));
            emit("counts", "tensors + " + std::to_string(extra), good_.serialize(0, extra));
        }
        for (const uint32_t version : {0u, 1u, 2u, 4u, 0x03000000u, ~0u}) {
            emit("counts", "version " + std::to_string(version), [&](gguf_image & image) { image.version = version; });
        }
        for (const uint32_t alignment : {0u, 1u, 2u, 4u, 7u, 8u, 16u, 24u, 32u, 64u, 4096u, 8192u, 1u << 31, ~0u}) {
            const auto set = [&](gguf_image & image) {
                image.entries.push_back({"general.alignment", GGUF_TYPE_UINT32, raw(alignment)});
            };
            emit("alignment", std::to_string(alignment), set);
            if (alignment >= 8 && alignment <= 8192) {
                emit("alignment", std::to_string(alignment) + " laid out", [&](gguf_image & image) {
                    set(image);
                    image.alignment = alignment;
                });
            }
        }
    }

    // --- tensors ---------------------------------------------------------------------------------------------

    void tensors_dropped_and_renamed() {
        const std::vector<std::string> names = {"",
                                                "blk.0.attn_q.weight",
                                                std::string(63, 'n'),
                                                std::string(64, 'n'),
                                                std::string(5000, 'n'),
                                                std::string("v.\0x", 4)};
        for (size_t i = 0; i < good_.tensors.size(); i++) {
            const auto & name = good_.tensors[i].name;
            emit("tensor dropped", name,
                 [&](gguf_image & image) { image.tensors.erase(image.tensors.begin() + long(i)); });
            emit("tensor doubled", name, [&](gguf_image & image) { image.tensors.push_back(image.tensors[i]); });
            emit("tensor renamed", name,
                 [&](gguf_image & image) { image.tensors[i].name = names[pick(names.size())]; });
            emit("tensor renamed", name + " swapped", [&](gguf_image & image) {
                std::swap(image.tensors[i].name, image.tensors[pick(image.tensors.size())].name);
            });
        }
    }

    void tensor_types() {
        for (size_t i = 0; i < good_.tensors.size(); i++) {
            for (int32_t type = -1; type < n_tensor_types; type++) {
                if (chosen()) {
                    emit("tensor type", good_.tensors[i].name + " " + std::to_string(type),
                         [&](gguf_image & image) { image.tensors[i].type = type; });
                }
            }
        }
    }

    void tensor_shapes() {
        for (size_t i = 0; i < good_.tensors.size(); i++) {
            const auto & tensor = good_.tensors[i];
            for (size_t d = 0; d < tensor.dims.size(); d++) {
                for (const uint64_t dim : extreme_dims) {
                    if (chosen()) {
                        emit("tensor shape", tensor.name + " " + std::to_string(d) + " " + std::to_string(dim),
                             [&](gguf_image & image) { image.tensors[i].dims[d] = dim; });
                    }
                }
            }
            const std::vector<std::vector<uint64_t>> shapes = {{},
                                                               {1},
                                                               {0, 0, 0, 0},
                                                               {1ull << 31, 1ull << 31, 1ull << 31, 1ull << 31},
                                                               {32, 1, 1, 1, 1},
                                                               {1ull << 31, 2},
                                                               {tensor.dims.rbegin(), tensor.dims.rend()},
                                                               std::vector<uint64_t>(600, 1)};
            for (size_t k = 0; k < shapes.size(); k++) {
                if (chosen()) {
                    emit("tensor shape", tensor.name + " shape #" + std::to_string(k),
                         [&](gguf_image & image) { image.tensors[i].dims = shapes[k]; });
                }
            }
        }
    }

    void tensor_offsets() {
        for (size_t i = 0; i < good_.tensors.size(); i++) {
            for (const uint64_t offset : extreme_offsets) {
                if (chosen()) {
                    emit("tensor offset", good_.tensors[i].name + " " + std::to_string(offset),
                         [&](gguf_image & image) { image.tensors[i].offset = offset; });
                }
            }
        }
    }

    // --- vocabulary ------------------------------------------------------------------------------------------

    std::vector<std::string> tokens() {
        std::vector<std::string> texts;
        const std::string value = gguf_image(good_).find("tokenizer.ggml.tokens").value;
        for (size_t at = 12; at < value.size();) {
            uint64_t size;
            memcpy(&size, value.data() + at, sizeof(size));
            texts.push_back(value.substr(at + 8, size));
            at += 8 + size;
        }
        return texts;
    }

    void vocabulary() {
        const auto good_tokens = tokens();
        for (size_t k = 0; k < bad_texts.size(); k++) {
            for (const size_t id : {size_t(0), good_tokens.size() - 1, pick(good_tokens.size())}) {
                auto texts = good_tokens;
                texts[id]  = bad_texts[k];
                emit("vocabulary", "token " + std::to_string(id) + " text #" + std::to_string(k),
                     [&](gguf_image & image) { image.find("tokenizer.ggml.tokens").value = raw_string_array(texts); });
            }
        }
        for (const size_t n : {size_t(0), size_t(1), good_tokens.size() - 1, good_tokens.size() + 1, size_t(100000)}) {
            auto texts = good_tokens;
            for (size_t i = texts.size(); i < n; i++) {
                texts.push_back("extra" + std::to_string(i));
            }
            texts.resize(n);
            emit("vocabulary", std::to_string(n) + " tokens",
                 [&](gguf_image & image) { image.find("tokenizer.ggml.tokens").value = raw_string_array(texts); });
            emit("vocabulary", std::to_string(n) + " tokens and types", [&](gguf_image & image) {
                image.find("tokenizer.ggml.tokens").value     = raw_string_array(texts);
                image.find("tokenizer.ggml.token_type").value = raw_array(GGUF_TYPE_INT32, std::vector<int32_t>(n, 1));
            });
        }
        for (size_t k = 0; k < bad_merges.size(); k++) {
            emit("vocabulary", "merge #" + std::to_string(k), [&](gguf_image & image) {
                image.find("tokenizer.ggml.merges").value = raw_string_array({"t h", bad_merges[k]});
            });
        }
        for (const int32_t type : {INT_MIN, -1, 0, 1, 2, 3, 4, 5, 6, 7, INT_MAX}) {
            emit("vocabulary", "token types " + std::to_string(type), [&](gguf_image & image) {
                image.find("tokenizer.ggml.token_type").value =
                    raw_array(GGUF_TYPE_INT32, std::vector<int32_t>(good_tokens.size(), type));
            });
        }
        for (const char * key :
             {"tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.chat_template", "general.name"}) {
            for (size_t k = 0; k < bad_texts.size(); k++) {
                emit("vocabulary", std::string(key) + " text #" + std::to_string(k),
                     [&](gguf_image & image) { image.find(key).value = raw_string(bad_texts[k]); });
            }
        }
    }

    // --- weights ---------------------------------------------------------------------------------------------

    /** Overwrites numbers of one tensor: F32 elements, or in a quantized block its leading f16 scale. */
    static void poison(gguf_image & image, size_t i, float value, uint16_t half, bool everywhere) {
        const auto & tensor = image.tensors[i];
        const auto type     = ggml_type(tensor.type);
        uint64_t n          = 1;
        for (const uint64_t dim : tensor.dims) {
            n *= dim;
        }
        const size_t step       = ggml_type_size(type);
        const size_t n_block    = n / uint64_t(ggml_blck_size(type));
        const std::string bytes = type == GGML_TYPE_F32 ? raw(value) : raw(half);
        for (size_t block = everywhere ? 0 : n_block / 2; block < (everywhere ? n_block : n_block / 2 + 1); block++) {
            image.data.replace(tensor.offset + block * step, bytes.size(), bytes);
        }
    }

    void weights() {
        struct poisoned {
            const char * name;
            float f32;
            uint16_t f16;
        };
        const poisoned values[] = {
            {"NaN", NAN, 0x7e00},    {"infinity", INFINITY, 0x7c00}, {"-infinity", -INFINITY, 0xfc00},
            {"huge", 1e38f, 0x7bff}, {"denormal", 1e-45f, 0x0001},   {"zero", 0.0f, 0x0000}};
        for (size_t i = 0; i < good_.tensors.size(); i++) {
            for (const auto & value : values) {
                for (const bool everywhere : {false, true}) {
                    if (!chosen(0.25)) {
                        continue;
                    }
                    emit(std::isfinite(value.f32) ? "weights extreme" : "weights not finite",
                         good_.tensors[i].name + " " + value.name + (everywhere ? " everywhere" : " once"),
                         [&](gguf_image & image) { poison(image, i, value.f32, value.f16, everywhere); });
                }
            }
        }
    }

    const gguf_image & good_;
    std::string title_;
    std::mt19937 random_;
    double share_;
    const std::function<void(const malformed_case &)> & run_;
};

} // namespace

void for_each_malformed(const gguf_image & good, const std::string & title, uint32_t seed, double share,
                        const std::function<void(const malformed_case &)> & run) {
    generator(good, title, seed, share, run).all();
}

} // namespace tiny
