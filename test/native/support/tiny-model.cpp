#include "support/tiny-model.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include <ggml-cpp.h>

namespace tiny {

namespace {

const std::vector<int32_t> aspect_ratios = {1, 1, 1, 2, 1, 3, 1, 4, 2, 1, 2, 2, 3, 1, 4, 1};
const std::vector<std::string> specials  = {"<|begin_of_text|>", "<|end_of_text|>",     "<|finetune_right_pad_id|>",
                                            "<|eot_id|>",        "<|start_header_id|>", "<|end_header_id|>",
                                            "<|image|>"};

constexpr int32_t first_special = 257;
constexpr int32_t id_bos = first_special, id_eos = first_special + 1, id_pad = first_special + 2,
                  id_eot = first_special + 3, id_image = first_special + 6;

std::string utf8(uint32_t code) {
    if (code < 0x80) {
        return std::string(1, char(code));
    }
    return {char(0xc0 | (code >> 6)), char(0x80 | (code & 0x3f))};
}

class writer {
  public:
    explicit writer(const model_options & options)
        : o_(options), random_(options.seed), gguf_(gguf_init_empty()),
          ctx_(ggml_init({4096 * ggml_tensor_overhead(), nullptr, true})) {}

    void write(const std::string & path) {
        add_everything();
        write_file(path);
    }

    void write_outline(const std::string & path) {
        has_numbers_ = false;
        add_everything();
        write_file(path);
        std::filesystem::resize_file(path, std::filesystem::file_size(path) + n_bytes_);
    }

  private:
    void add_everything() {
        general();
        text_metadata();
        vision_metadata();
        tokenizer();
        text_tensors();
        vision_tensors();
    }

    /** Header, then each tensor's bytes, padded. gguf_write_to_file would hand an empty array to fwrite as null. */
    void write_file(const std::string & path) const {
        const size_t alignment = gguf_get_alignment(gguf_.get());
        std::vector<char> bytes(gguf_get_meta_size(gguf_.get()));
        gguf_get_meta_data(gguf_.get(), bytes.data());
        for (const auto & tensor : storage_) {
            bytes.insert(bytes.end(), tensor.begin(), tensor.end());
            bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
        }
        std::ofstream out(path, std::ios::binary);
        if (!out.write(bytes.data(), std::streamsize(bytes.size())).flush()) {
            fprintf(stderr, "cannot write %s\n", path.c_str());
            exit(1);
        }
    }

    // --- metadata --------------------------------------------------------------------------------------------

    void u32(const char * key, int64_t value) { gguf_set_val_u32(gguf_.get(), key, uint32_t(value)); }
    void f32(const char * key, float value) { gguf_set_val_f32(gguf_.get(), key, value); }
    void str(const char * key, const char * value) { gguf_set_val_str(gguf_.get(), key, value); }
    void i32s(const char * key, const std::vector<int32_t> & values) {
        gguf_set_arr_data(gguf_.get(), key, GGUF_TYPE_INT32, values.data(), values.size());
    }
    void f32s(const char * key, const std::vector<float> & values) {
        gguf_set_arr_data(gguf_.get(), key, GGUF_TYPE_FLOAT32, values.data(), values.size());
    }
    void strs(const char * key, const std::vector<std::string> & values) {
        std::vector<const char *> pointers;
        for (const auto & value : values) {
            pointers.push_back(value.c_str());
        }
        gguf_set_arr_str(gguf_.get(), key, pointers.data(), pointers.size());
    }

    void general() {
        str("general.architecture", "mllama");
        str("general.type", "model");
        str("general.name", "tiny mllama");
        u32("general.file_type", 0);
        u32("general.quantization_version", 2);
        u32("mllama.schema_version", 1);
    }

    void text_metadata() {
        u32("mllama.vocab_size", n_vocab());
        u32("mllama.context_length", o_.n_ctx_train);
        u32("mllama.embedding_length", o_.n_embd);
        u32("mllama.feed_forward_length", o_.n_ff);
        u32("mllama.block_count", o_.n_layer);
        u32("mllama.attention.head_count", o_.n_head);
        u32("mllama.attention.head_count_kv", o_.n_head_kv);
        f32("mllama.attention.layer_norm_rms_epsilon", 1e-5f);
        i32s("mllama.attention.cross_attention_layers", o_.cross_layers);
        f32("mllama.rope.freq_base", 500000.0f);
        u32("mllama.rope.dimension_count", n_head_size());
        str("mllama.rope.scaling.type", "llama3");
        f32("mllama.rope.scaling.factor", 8.0f);
        f32("mllama.rope.scaling.low_freq_factor", 1.0f);
        f32("mllama.rope.scaling.high_freq_factor", 4.0f);
        u32("mllama.rope.scaling.original_context_length", 512);
        u32("mllama.image_token_id", n_vocab());
    }

    void vision_metadata() {
        u32("mllama.vision.embedding_length", o_.n_embd_vision);
        u32("mllama.vision.feed_forward_length", o_.n_ff_vision);
        u32("mllama.vision.block_count", o_.n_layer_vision);
        u32("mllama.vision.global.block_count", o_.n_global_layer);
        u32("mllama.vision.attention.head_count", o_.n_head_vision);
        f32("mllama.vision.attention.layer_norm_epsilon", 1e-5f);
        u32("mllama.vision.image_size", o_.image_size);
        u32("mllama.vision.patch_size", o_.patch_size);
        u32("mllama.vision.num_channels", 3);
        u32("mllama.vision.max_num_tiles", o_.max_tiles);
        i32s("mllama.vision.intermediate_layers_indices", o_.intermediates);
        i32s("mllama.vision.supported_aspect_ratios", aspect_ratios);
        u32("mllama.vision.vision_output_dim", n_embd_out());
        str("mllama.vision.feature_order", "concatenated");
        str("mllama.vision.gates", "raw");
        f32s("mllama.vision.image_mean", {0.48145466f, 0.4578275f, 0.40821073f});
        f32s("mllama.vision.image_std", {0.26862954f, 0.26130258f, 0.27577711f});
        f32("mllama.vision.image_rescale_factor", 1.0f / 255.0f);
    }

    void tokenizer() {
        auto tokens = vocabulary();
        while (int64_t(tokens.size()) < n_vocab() + 1) { // of an outline
            tokens.push_back("word " + std::to_string(tokens.size()));
        }
        std::vector<int32_t> types(tokens.size(), 1);
        for (size_t i = first_special; i < tokens.size(); i++) {
            types[i] = 3;
        }
        str("tokenizer.ggml.model", "gpt2");
        str("tokenizer.ggml.pre", "llama-bpe");
        strs("tokenizer.ggml.tokens", tokens);
        i32s("tokenizer.ggml.token_type", types);
        strs("tokenizer.ggml.merges", {"t h"});
        u32("tokenizer.ggml.bos_token_id", id_bos);
        u32("tokenizer.ggml.eos_token_id", id_eos);
        u32("tokenizer.ggml.padding_token_id", id_pad);
        i32s("tokenizer.ggml.eos_token_ids", {id_eos, id_eot});
        gguf_set_val_bool(gguf_.get(), "tokenizer.ggml.add_bos_token", true);
        str("tokenizer.chat_template", "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}");
    }

    // --- tensors ---------------------------------------------------------------------------------------------

    int64_t n_vocab() const { return o_.n_vocab; } // the image token has no row of logits
    int64_t n_head_size() const { return o_.n_embd / o_.n_head; }
    int64_t n_embd_out() const { return o_.n_embd_vision * int64_t(1 + o_.intermediates.size()); }

    float uniform(float low, float high) { return low + (high - low) * float(random_() >> 8) / float(1 << 24); }

    void add(const std::string & name, ggml_type type, const std::vector<int64_t> & ne, float low, float high,
             const std::function<void(std::vector<float> &)> & change = nullptr) {
        ggml_tensor * tensor = ggml_new_tensor(ctx_.get(), type, int(ne.size()), ne.data());
        ggml_set_name(tensor, name.c_str());
        if (!has_numbers_) {
            const size_t alignment = gguf_get_alignment(gguf_.get());
            n_bytes_ += (ggml_nbytes(tensor) + alignment - 1) / alignment * alignment;
            gguf_add_tensor(gguf_.get(), tensor);
            return;
        }
        std::vector<float> values(size_t(ggml_nelements(tensor)));
        for (auto & value : values) {
            value = uniform(low, high);
        }
        if (change) {
            change(values);
        }
        storage_.emplace_back(ggml_nbytes(tensor));
        ggml_quantize_chunk(type, values.data(), storage_.back().data(), 0, ggml_nrows(tensor), ne[0], nullptr);
        gguf_add_tensor(gguf_.get(), tensor);
        gguf_set_tensor_data(gguf_.get(), name.c_str(), storage_.back().data());
    }

    ggml_type type_for(int64_t row) const {
        const ggml_type wanted = is_vision_ && o_.vision_type != GGML_TYPE_COUNT ? o_.vision_type : o_.type;
        for (const ggml_type type : {wanted, GGML_TYPE_Q8_0}) {
            if (wanted != GGML_TYPE_F32 && row % ggml_blck_size(type) == 0) {
                return type;
            }
        }
        return GGML_TYPE_F32;
    }

    void matrix(const std::string & name, int64_t n_in, int64_t n_out) {
        const float range = std::sqrt(3.0f / float(n_in)); // unit variance stays unit variance
        add(name, type_for(n_in), {n_in, n_out}, -range, range);
    }
    void table(const std::string & name, int64_t n, int64_t rows) { add(name, type_for(n), {n, rows}, -0.5f, 0.5f); }

    /** A table with a row for every aspect ratio, n numbers for each tile. */
    void ratio_table(const std::string & name, int64_t n) {
        const int64_t n_rows  = int64_t(aspect_ratios.size()) / 2 + 1;
        const auto make_alike = [&](std::vector<float> & values) {
            for (int64_t row = 1; row < n_rows; row++) {
                const int64_t n_tiles = aspect_ratios[size_t(2 * row - 2)] * aspect_ratios[size_t(2 * row - 1)];
                const auto tiles      = values.begin() + row * o_.max_tiles * n;
                for (int64_t tile = n_tiles + 1; tile < o_.max_tiles; tile++) {
                    std::copy_n(tiles + n_tiles * n, n, tiles + tile * n);
                }
            }
        };
        add(name, type_for(n * o_.max_tiles), {n * o_.max_tiles, n_rows}, -0.5f, 0.5f,
            o_.alike_tables.count(name) > 0 ? make_alike : std::function<void(std::vector<float> &)>());
    }
    void norm(const std::string & name, int64_t n) { add(name, GGML_TYPE_F32, {n}, 0.8f, 1.2f); }
    void bias(const std::string & name, int64_t n) { add(name, GGML_TYPE_F32, {n}, -0.1f, 0.1f); }
    void gate(const std::string & name) { add(name, GGML_TYPE_F32, {1}, 0.3f, 0.9f); }

    void text_layer(const std::string & blk, bool is_cross) {
        const int64_t n_kv = n_head_size() * o_.n_head_kv;
        const auto name    = [&](const char * self, const char * cross) {
            return blk + (is_cross ? cross : self) + ".weight";
        };
        norm(blk + "attn_norm.weight", o_.n_embd);
        matrix(name("attn_q", "cross_attn_q_proj"), o_.n_embd, o_.n_embd);
        matrix(name("attn_k", "cross_attn_k_proj"), o_.n_embd, n_kv);
        matrix(name("attn_v", "cross_attn_v_proj"), o_.n_embd, n_kv);
        matrix(name("attn_output", "cross_attn_o_proj"), o_.n_embd, o_.n_embd);
        norm(blk + "ffn_norm.weight", o_.n_embd);
        matrix(blk + "ffn_gate.weight", o_.n_embd, o_.n_ff);
        matrix(blk + "ffn_up.weight", o_.n_embd, o_.n_ff);
        matrix(blk + "ffn_down.weight", o_.n_ff, o_.n_embd);
        if (is_cross) {
            norm(blk + "cross_attn_q_norm.weight", n_head_size());
            norm(blk + "cross_attn_k_norm.weight", n_head_size());
            gate(blk + "cross_attn_attn_gate");
            gate(blk + "cross_attn_mlp_gate");
        }
    }

    void text_tensors() {
        table("token_embd.weight", o_.n_embd, n_vocab() + 8);
        for (int32_t il = 0; il < o_.n_layer; il++) {
            bool is_cross = false;
            for (const int32_t cross : o_.cross_layers) {
                is_cross = is_cross || cross == il;
            }
            text_layer("blk." + std::to_string(il) + ".", is_cross);
        }
        norm("output_norm.weight", o_.n_embd);
        if (!o_.tied_head) {
            matrix("output.weight", o_.n_embd, n_vocab());
        }
        add("rope_freqs.weight", GGML_TYPE_F32, {n_head_size() / 2}, 1.0f, 8.0f);
    }

    void vision_layer(const std::string & blk, bool is_global) {
        const int64_t n = o_.n_embd_vision, n_ff = o_.n_ff_vision;
        norm(blk + "attn_norm.weight", n);
        bias(blk + "attn_norm.bias", n);
        for (const char * name : {"attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight"}) {
            matrix(blk + name, n, n);
        }
        norm(blk + "ffn_norm.weight", n);
        bias(blk + "ffn_norm.bias", n);
        matrix(blk + "ffn_up.weight", n, n_ff);
        bias(blk + "ffn_up.bias", n_ff);
        matrix(blk + "ffn_down.weight", n_ff, n);
        bias(blk + "ffn_down.bias", n);
        if (is_global) {
            gate(blk + "attn_gate");
            gate(blk + "ffn_gate");
        }
    }

    void vision_tensors() {
        is_vision_      = true;
        const int64_t n = o_.n_embd_vision, side = o_.image_size / o_.patch_size, n_pos = side * side + 1;
        add("v.patch_embd.weight", GGML_TYPE_F32, {o_.patch_size, o_.patch_size, 3, n}, -0.07f, 0.07f);
        bias("v.class_embd", n);
        add("v.position_embd.weight", GGML_TYPE_F32, {n, n_pos}, -0.5f, 0.5f);
        gate("v.position_embd.gate");
        ratio_table("v.tile_position_embd.weight", n * n_pos);
        ratio_table("v.pre_tile_position_embd.weight", n);
        gate("v.pre_tile_position_embd.gate");
        ratio_table("v.post_tile_position_embd.weight", n);
        gate("v.post_tile_position_embd.gate");
        for (const char * ln : {"v.pre_ln", "v.post_ln"}) {
            norm(std::string(ln) + ".weight", n);
            bias(std::string(ln) + ".bias", n);
        }
        for (int32_t il = 0; il < o_.n_layer_vision; il++) {
            vision_layer("v.blk." + std::to_string(il) + ".", false);
        }
        for (int32_t il = 0; il < o_.n_global_layer; il++) {
            vision_layer("v.global.blk." + std::to_string(il) + ".", true);
        }
        matrix("mm.0.weight", n_embd_out(), o_.n_embd);
        bias("mm.0.bias", o_.n_embd);
    }

    const model_options & o_;
    std::mt19937 random_;
    gguf_context_ptr gguf_;
    ggml_context_ptr ctx_;
    bool is_vision_   = false;
    bool has_numbers_ = true;
    size_t n_bytes_   = 0;                   // of the numbers that an outline does not have
    std::vector<std::vector<char>> storage_; // gguf keeps pointers to the data until it is written
};

} // namespace

const std::set<std::string> & ratio_tables() {
    static const std::set<std::string> names = {"v.tile_position_embd.weight", "v.pre_tile_position_embd.weight",
                                                "v.post_tile_position_embd.weight"};
    return names;
}

model_options q4_k_options() {
    model_options options;
    options.type         = GGML_TYPE_Q4_K;
    options.n_embd       = 256;
    options.n_ff         = 256;
    options.n_layer      = 3;
    options.cross_layers = {1};
    return options;
}

std::vector<std::string> vocabulary() {
    std::vector<std::string> tokens;
    uint32_t next = 256; // bytes without a printable character of their own are shifted up
    for (uint32_t byte = 0; byte < 256; byte++) {
        const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
        tokens.push_back(utf8(printable ? byte : next++));
    }
    tokens.push_back("th");
    tokens.insert(tokens.end(), specials.begin(), specials.end());
    return tokens;
}

model_options aica_options(ggml_type vision_type) {
    model_options options;
    options.type           = GGML_TYPE_Q5_K;
    options.vision_type    = vision_type;
    options.n_vocab        = 128256;
    options.n_ctx_train    = 131072;
    options.n_embd         = 3072;
    options.n_ff           = 8192;
    options.n_head         = 24;
    options.n_head_kv      = 8;
    options.n_layer        = 35;
    options.cross_layers   = {3, 8, 13, 18, 23, 28, 33};
    options.n_embd_vision  = 1280;
    options.n_ff_vision    = 5120;
    options.n_head_vision  = 16;
    options.n_layer_vision = 32;
    options.n_global_layer = 8;
    options.image_size     = 560;
    options.intermediates  = {3, 7, 15, 23, 30};
    return options;
}

void write_model(const std::string & path, const model_options & options) {
    writer(options).write(path);
}

void write_outline(const std::string & path, const model_options & options) {
    writer(options).write_outline(path);
}

} // namespace tiny
