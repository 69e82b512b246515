#pragma once
// The numbers of a model, all of them read from the GGUF file. Key names: docs/gguf.md.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace bllossom {

class model_source;

struct aspect_ratio {
    int32_t rows;
    int32_t cols;
};

struct vision_hparams {
    int64_t n_embd         = 0; // width of the tower (1280)
    int64_t n_ff           = 0; // width of its MLP (5120)
    int32_t n_layer        = 0; // local layers (32)
    int32_t n_global_layer = 0; // gated layers (8)
    int32_t n_head         = 0;
    int32_t image_size     = 0; // side of a tile in pixels (560)
    int32_t patch_size     = 0; // side of a patch in pixels (14)
    int32_t n_channels     = 0; // 3
    int32_t max_tiles      = 0; // tiles that every image is padded to (4)
    float norm_eps         = 0;
    bool gates_activated   = false; // tanh has been applied to the stored gates of the tower

    std::vector<int32_t>
        intermediate_layers; // states are kept as they enter these local layers; n_layer: as they leave the last
    std::vector<aspect_ratio> aspect_ratios; // id = index + 1; id 0 is "no image"

    float rescale_factor = 0; // 1/255
    std::array<float, 3> image_mean{};
    std::array<float, 3> image_std{};

    int64_t n_embd_head() const { return n_embd / n_head; }
    int64_t n_patches_side() const { return image_size / patch_size; }
    int64_t n_patches() const { return n_patches_side() * n_patches_side(); } // without the class token (1600)
    int64_t n_pos() const { return n_patches() + 1; }                         // rows per tile (1601)
    int64_t n_filler() const { return (8 - n_pos() % 8) % 8; }                // zero rows appended per tile (7)
    int64_t n_rows() const { return max_tiles * n_pos(); }                    // feature rows per image (6404)
    int64_t n_embd_out() const { return n_embd * (1 + int64_t(intermediate_layers.size())); } // 7680
    int64_t patch_elements() const { return int64_t(n_channels) * patch_size * patch_size; }  // 588
};

struct text_hparams {
    int64_t n_vocab      = 0; // rows of logits (128256)
    int64_t n_embd       = 0;
    int64_t n_ff         = 0;
    int32_t n_layer      = 0; // self and cross layers together
    int32_t n_head       = 0;
    int32_t n_head_kv    = 0;
    int64_t n_ctx_train  = 0;
    float rms_eps        = 0;
    float rope_freq_base = 0;
    bool rope_scaled     = false; // llama3 scaling: the factors are the tensor rope_freqs.weight

    std::vector<bool> is_cross; // [n_layer]

    int64_t n_embd_head() const { return n_embd / n_head; }
    int64_t n_embd_kv() const { return n_embd_head() * n_head_kv; }
    int32_t n_layer_cross() const;
    int32_t n_layer_self() const { return n_layer - n_layer_cross(); }
};

struct hparams {
    std::string name; // general.name
    text_hparams text;
    vision_hparams vision;
    int32_t image_token_id = 0;     // `<|image|>`
    int64_t n_embd_rows    = 0;     // rows of token_embd.weight (n_vocab + 8)
    bool tied_head         = false; // no output.weight: the first n_vocab rows of token_embd are the head
};

/**
 * Reads and checks the hyper-parameters.
 *
 * Throws error{model_unsupported} for another schema version, error{model_format} for a missing key,
 * a key of a wrong kind, or a value outside the ceilings of hparams.cpp.
 */
hparams read_hparams(const model_source & source);

} // namespace bllossom
