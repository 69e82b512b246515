#pragma once
// The tensors of a model by role. Shapes are in ggml's ne order (fastest first). Pointers are owned by `model`.

#include <cstdint>
#include <vector>

struct ggml_tensor;

namespace bllossom {

struct block_kernels;
struct byte_kernels;
struct cell_kernels;

/** One transformer layer of the vision tower; biased LayerNorms, attention without biases. */
struct vision_layer {
    ggml_tensor * attn_norm   = nullptr; // F32 [n_embd]
    ggml_tensor * attn_norm_b = nullptr; // F32 [n_embd]
    ggml_tensor * wq          = nullptr; // [n_embd, n_embd]
    ggml_tensor * wk          = nullptr; // [n_embd, n_embd]
    ggml_tensor * wv          = nullptr; // [n_embd, n_embd]
    ggml_tensor * wo          = nullptr; // [n_embd, n_embd]
    ggml_tensor * ffn_norm    = nullptr; // F32 [n_embd]
    ggml_tensor * ffn_norm_b  = nullptr; // F32 [n_embd]
    ggml_tensor * ffn_up      = nullptr; // [n_embd, n_ff]   fc1
    ggml_tensor * ffn_up_b    = nullptr; // F32 [n_ff]
    ggml_tensor * ffn_down    = nullptr; // [n_ff, n_embd]   fc2
    ggml_tensor * ffn_down_b  = nullptr; // F32 [n_embd]

    float attn_gate = 1.0f; // tanh(gate) in a global layer, 1 in a local one
    float ffn_gate  = 1.0f;
};

struct vision_weights {
    ggml_tensor * patch_embd         = nullptr; // [patch_size, patch_size, n_channels, n_embd]
    ggml_tensor * class_embd         = nullptr; // F32 [n_embd]
    ggml_tensor * position_embd      = nullptr; // F32 [n_embd, n_pos]
    ggml_tensor * tile_position_embd = nullptr; // [n_embd*n_pos*max_tiles, n_aspect_ratios + 1]
    ggml_tensor * pre_tile_embd      = nullptr; // [n_embd*max_tiles, n_aspect_ratios + 1]
    ggml_tensor * post_tile_embd     = nullptr; // [n_embd*max_tiles, n_aspect_ratios + 1]
    ggml_tensor * pre_norm           = nullptr; // F32 [n_embd]
    ggml_tensor * pre_norm_b         = nullptr; // F32 [n_embd]
    ggml_tensor * post_norm          = nullptr; // F32 [n_embd]
    ggml_tensor * post_norm_b        = nullptr; // F32 [n_embd]
    ggml_tensor * mm                 = nullptr; // [n_embd_out, text.n_embd]   projector
    ggml_tensor * mm_b               = nullptr; // F32 [text.n_embd]

    // tanh of the stored gates
    float position_gate  = 0.0f; // the position table is scaled by 1 - gate, the tile position table by gate
    float pre_tile_gate  = 0.0f;
    float post_tile_gate = 0.0f;

    std::vector<vision_layer> layers;        // [n_layer]
    std::vector<vision_layer> global_layers; // [n_global_layer]

    // What computes the tower where the CPU does it alone: kernels of ours, null: ggml's.
    const block_kernels * kernels = nullptr;

    std::vector<bool> padding_alike; // [n_aspect_ratios], see padding-tiles.h; empty in an outline
};

/** One decoder layer, self or cross. */
struct text_layer {
    ggml_tensor * attn_norm = nullptr; // F32 [n_embd]
    ggml_tensor * wq        = nullptr; // [n_embd, n_embd]
    ggml_tensor * wk        = nullptr; // [n_embd, n_embd_kv]
    ggml_tensor * wv        = nullptr; // [n_embd, n_embd_kv]
    ggml_tensor * wo        = nullptr; // [n_embd, n_embd]
    ggml_tensor * ffn_norm  = nullptr; // F32 [n_embd]
    ggml_tensor * ffn_gate  = nullptr; // [n_embd, n_ff]
    ggml_tensor * ffn_up    = nullptr; // [n_embd, n_ff]
    ggml_tensor * ffn_down  = nullptr; // [n_ff, n_embd]

    // cross layers only
    ggml_tensor * q_norm  = nullptr; // F32 [n_embd_head]
    ggml_tensor * k_norm  = nullptr; // F32 [n_embd_head]
    float cross_attn_gate = 0.0f;    // tanh of the stored gates
    float cross_mlp_gate  = 0.0f;

    // What attends to its cells where the CPU computes the layer: kernels of ours, null: ggml's.
    const cell_kernels * kernels = nullptr;
};

struct text_weights {
    ggml_tensor * token_embd  = nullptr; // [n_embd, n_embd_rows]
    ggml_tensor * output_norm = nullptr; // F32 [n_embd]
    ggml_tensor * output      = nullptr; // [n_embd, n_vocab]; null when the head is tied
    ggml_tensor * rope_freqs  = nullptr; // F32 [n_embd_head/2]; null without RoPE scaling

    // What multiplies with weights that lie in tiles (tiled-weights.h): kernels of ours, null: ggml's.
    const block_kernels * kernels = nullptr;

    // What multiplies with those that lie otherwise (byte-kernels.h): kernels of ours, null: ggml's.
    const byte_kernels * bytes = nullptr;

    std::vector<text_layer> layers; // [n_layer]
};

} // namespace bllossom
