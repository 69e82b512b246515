#include "hparams.h"

#include "error.h"
#include "model-source.h"

#include <algorithm>
#include <cmath>

namespace bllossom {

namespace {

// Ceilings far above any Mllama (90B: 100 layers of 8192) and far below what overflows a size or a graph.
constexpr uint32_t schema_version   = 1;
constexpr uint32_t max_text_layers  = 512;
constexpr uint32_t max_tower_layers = 200;
constexpr uint32_t max_width        = 1 << 16;
constexpr uint32_t max_mlp_width    = 1 << 20;
constexpr uint32_t max_heads        = 1024;
constexpr uint32_t max_positions    = 1 << 24;
constexpr uint32_t max_vocab        = 1 << 20;
constexpr uint32_t max_image_side   = 4096;
constexpr uint32_t max_tile_count   = 64;
constexpr int64_t max_image_rows    = 1 << 16; // rows of one padded image (6404)
constexpr size_t max_ratios         = 256;
constexpr float min_eps             = 1e-12f;
constexpr float max_eps             = 1e-1f;
constexpr float tiny                = 1e-6f; // of factors that are multiplied or divided by
constexpr float huge                = 1e6f;
constexpr float max_freq_base       = 1e12f;

[[noreturn]] void refuse(const gguf_metadata & file, const std::string & what) {
    throw error(error_code::model_unsupported, file.path() + ": " + what);
}

void check_schema(const gguf_metadata & file) {
    const uint32_t version = file.get_u32("mllama.schema_version");
    if (version != schema_version) {
        refuse(file, format("mllama.schema_version is %u, this engine reads version %u; %s", version, schema_version,
                            version > schema_version ? "update node-bllossom" : "convert the checkpoint again"));
    }
}

/** A key whose value this engine knows only one of. */
void check_fixed(const gguf_metadata & file, const char * key, const char * expected) {
    const std::string value(file.get_str(key));
    if (value != expected) {
        refuse(file, format("%s is \"%.64s\", only \"%s\" is supported", key, value.c_str(), expected));
    }
}

/** Whether the stored gates of the vision tower have tanh applied. */
bool read_gates_activated(const gguf_metadata & file) {
    const std::string form(file.get_str("mllama.vision.gates"));
    if (form != "raw" && form != "activated") {
        refuse(file, format("mllama.vision.gates is \"%.64s\", only raw and activated are supported", form.c_str()));
    }
    return form == "activated";
}

/** Layer indices: ascending, from 0 to `last`. */
std::vector<int32_t> get_layer_indices(const gguf_metadata & file, const char * key, int32_t last) {
    std::vector<int32_t> indices = file.get_i32_array(key);
    for (size_t i = 0; i < indices.size(); i++) {
        if (indices[i] < 0 || indices[i] > last || (i > 0 && indices[i] <= indices[i - 1])) {
            file.fail(format("%s[%zu] is %d; the indices must ascend and lie in 0 … %d", key, i, indices[i], last));
        }
    }
    return indices;
}

void check_heads(const gguf_metadata & file, const char * tower, int64_t n_embd, int32_t n_head) {
    if (n_embd % n_head != 0) {
        file.fail(
            format("%s embedding_length %lld is no multiple of its head_count %d", tower, (long long) n_embd, n_head));
    }
}

/** Returns whether the frequencies are scaled. */
bool read_rope_scaling(const gguf_metadata & file) {
    const std::string type(file.get_str("mllama.rope.scaling.type"));
    if (type == "none") {
        return false;
    }
    if (type != "llama3") {
        refuse(file, format("mllama.rope.scaling.type is \"%.64s\", only none and llama3 are supported", type.c_str()));
    }
    if (file.find("mllama.rope.scaling.factor") == nullptr) {
        return true; // a rescued file: it has the factors, but not what they were computed from
    }
    file.get_f32("mllama.rope.scaling.factor", tiny, huge);
    const float low  = file.get_f32("mllama.rope.scaling.low_freq_factor", tiny, huge);
    const float high = file.get_f32("mllama.rope.scaling.high_freq_factor", tiny, huge);
    file.get_u32("mllama.rope.scaling.original_context_length", 1, max_positions);
    if (high <= low) {
        file.fail(format("mllama.rope.scaling.high_freq_factor is %g, it must be over low_freq_factor %g", double(high),
                         double(low)));
    }
    return true;
}

text_hparams read_text(const gguf_metadata & file) {
    text_hparams hp;
    hp.n_vocab     = file.get_u32("mllama.vocab_size", 1, max_vocab);
    hp.n_embd      = file.get_u32("mllama.embedding_length", 1, max_width);
    hp.n_ff        = file.get_u32("mllama.feed_forward_length", 1, max_mlp_width);
    hp.n_layer     = int32_t(file.get_u32("mllama.block_count", 1, max_text_layers));
    hp.n_head      = int32_t(file.get_u32("mllama.attention.head_count", 1, max_heads));
    hp.n_head_kv   = int32_t(file.get_u32("mllama.attention.head_count_kv", 1, uint32_t(hp.n_head)));
    hp.n_ctx_train = file.get_u32("mllama.context_length", 1, max_positions);
    hp.rms_eps     = file.get_f32("mllama.attention.layer_norm_rms_epsilon", min_eps, max_eps);

    check_heads(file, "mllama", hp.n_embd, hp.n_head);
    if (hp.n_head % hp.n_head_kv != 0) {
        file.fail(format("mllama.attention.head_count %d is no multiple of head_count_kv %d", hp.n_head, hp.n_head_kv));
    }
    const uint32_t n_rot = file.get_u32("mllama.rope.dimension_count", 1, max_width);
    if (n_rot != hp.n_embd_head() || n_rot % 2 != 0) {
        file.fail(format("mllama.rope.dimension_count is %u, it must be the head size %lld, and even", n_rot,
                         (long long) hp.n_embd_head()));
    }
    hp.rope_freq_base = file.get_f32("mllama.rope.freq_base", 1.0f, max_freq_base);
    hp.rope_scaled    = read_rope_scaling(file);

    const auto cross = get_layer_indices(file, "mllama.attention.cross_attention_layers", hp.n_layer - 1);
    if (cross.empty() || int32_t(cross.size()) == hp.n_layer) {
        file.fail(format("%zu of %d layers are cross-attention layers; some must be and some must not", cross.size(),
                         hp.n_layer));
    }
    hp.is_cross.assign(size_t(hp.n_layer), false);
    for (const int32_t il : cross) {
        hp.is_cross[size_t(il)] = true;
    }
    return hp;
}

std::vector<aspect_ratio> read_aspect_ratios(const gguf_metadata & file, int32_t max_tiles) {
    constexpr auto key = "mllama.vision.supported_aspect_ratios";
    const auto sides   = file.get_i32_array(key);
    if (sides.empty() || sides.size() % 2 != 0 || sides.size() / 2 > max_ratios) {
        file.fail(format("%s holds %zu numbers; expected pairs of rows and columns, 1 to %zu of them", key,
                         sides.size(), max_ratios));
    }
    std::vector<aspect_ratio> ratios;
    for (size_t i = 0; i < sides.size(); i += 2) {
        const aspect_ratio ratio{sides[i], sides[i + 1]};
        const bool fits = ratio.rows >= 1 && ratio.cols >= 1 && ratio.rows <= max_tiles / ratio.cols;
        if (!fits) {
            file.fail(format("%s has a canvas of %d x %d tiles, the limit is %d tiles", key, ratio.rows, ratio.cols,
                             max_tiles));
        }
        ratios.push_back(ratio);
    }
    return ratios;
}

std::array<float, 3> read_channels(const gguf_metadata & file, const char * key, float low, float high) {
    const auto values = file.get_f32_array(key);
    std::array<float, 3> channels{};
    if (values.size() != channels.size() ||
        !std::all_of(values.begin(), values.end(), [&](float value) { return value >= low && value <= high; })) {
        file.fail(format("%s must hold three numbers from %g to %g", key, double(low), double(high)));
    }
    std::copy(values.begin(), values.end(), channels.begin());
    return channels;
}

void read_preprocessing(const gguf_metadata & file, vision_hparams & hp) {
    hp.rescale_factor = file.get_f32("mllama.vision.image_rescale_factor", tiny, huge);
    hp.image_mean     = read_channels(file, "mllama.vision.image_mean", -huge, huge);
    hp.image_std      = read_channels(file, "mllama.vision.image_std", tiny, huge);
}

vision_hparams read_vision(const gguf_metadata & file) {
    vision_hparams hp;
    hp.n_embd         = file.get_u32("mllama.vision.embedding_length", 1, max_width);
    hp.n_ff           = file.get_u32("mllama.vision.feed_forward_length", 1, max_mlp_width);
    hp.n_layer        = int32_t(file.get_u32("mllama.vision.block_count", 1, max_tower_layers));
    hp.n_global_layer = int32_t(file.get_u32("mllama.vision.global.block_count", 1, max_tower_layers));
    hp.n_head         = int32_t(file.get_u32("mllama.vision.attention.head_count", 1, max_heads));
    hp.image_size     = int32_t(file.get_u32("mllama.vision.image_size", 1, max_image_side));
    hp.patch_size     = int32_t(file.get_u32("mllama.vision.patch_size", 1, uint32_t(hp.image_size)));
    hp.n_channels     = int32_t(file.get_u32("mllama.vision.num_channels", 3, 3));
    hp.max_tiles      = int32_t(file.get_u32("mllama.vision.max_num_tiles", 1, max_tile_count));
    hp.norm_eps       = file.get_f32("mllama.vision.attention.layer_norm_epsilon", min_eps, max_eps);

    check_heads(file, "mllama.vision", hp.n_embd, hp.n_head);
    if (hp.image_size % hp.patch_size != 0) {
        file.fail(format("mllama.vision.image_size %d is no multiple of patch_size %d", hp.image_size, hp.patch_size));
    }
    if (hp.n_rows() > max_image_rows) {
        file.fail(format("an image has %lld rows, the limit is %lld; see mllama.vision.image_size, patch_size and "
                         "max_num_tiles",
                         (long long) hp.n_rows(), (long long) max_image_rows));
    }
    // n_layer itself is what leaves the last layer
    hp.intermediate_layers = get_layer_indices(file, "mllama.vision.intermediate_layers_indices", hp.n_layer);
    hp.aspect_ratios       = read_aspect_ratios(file, hp.max_tiles);
    if (file.get_u32("mllama.vision.vision_output_dim") != hp.n_embd_out()) {
        file.fail(format("mllama.vision.vision_output_dim is not %lld, the embedding_length times one and each "
                         "intermediate layer",
                         (long long) hp.n_embd_out()));
    }
    check_fixed(file, "mllama.vision.feature_order", "concatenated");
    hp.gates_activated = read_gates_activated(file);
    read_preprocessing(file, hp);
    return hp;
}

/** Every id that a prompt can hold needs an embedding row, and every row of logits a token. */
void check_vocabulary_size(const gguf_metadata & file, const hparams & hp) {
    const gguf_entry * tokens = file.find("tokenizer.ggml.tokens");
    if (tokens == nullptr || !tokens->is_array) {
        file.fail("the key \"tokenizer.ggml.tokens\" is missing or no array");
    }
    const auto n_tokens = int64_t(tokens->count);
    if (hp.text.n_vocab > n_tokens || n_tokens > hp.n_embd_rows || hp.image_token_id >= n_tokens) {
        file.fail(
            format("mllama.vocab_size %lld, %lld tokens, %lld embedding rows and image token %d do not fit together",
                   (long long) hp.text.n_vocab, (long long) n_tokens, (long long) hp.n_embd_rows, hp.image_token_id));
    }
}

} // namespace

int32_t text_hparams::n_layer_cross() const {
    return int32_t(std::count(is_cross.begin(), is_cross.end(), true));
}

hparams read_hparams(const model_source & source) {
    const gguf_metadata & file = source.metadata();
    check_schema(file);
    hparams hp;
    hp.name   = file.get_str("general.name");
    hp.text   = read_text(file);
    hp.vision = read_vision(file);

    const source_tensor * token_embd = source.find_tensor("token_embd.weight");
    if (token_embd == nullptr) {
        file.fail("the tensor \"token_embd.weight\" is missing");
    }
    hp.n_embd_rows    = token_embd->ne[1];
    hp.tied_head      = source.find_tensor("output.weight") == nullptr;
    hp.image_token_id = int32_t(file.get_u32("mllama.image_token_id", 0, max_vocab));
    check_vocabulary_size(file, hp);
    return hp;
}

} // namespace bllossom
