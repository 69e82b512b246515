// Reference: transformers, models/mllama/modeling_mllama.py (MllamaVisionModel, MllamaVisionEncoder, MllamaModel).
//
// All tiles of an image, padding tiles included, run through the tower together: real rows attend to every row, padding
// rows (of tiles the image does not have, and the filler rows that bring each tile to a multiple of 8) attend to real
// rows only. The reference says this with a mask; attention does not depend on the order of its keys, so here the rows
// are ordered [tile rows, tile by tile | filler rows] and the real ones come first:
//   attention = concat( attend(real queries, all keys), attend(padding queries, real keys) )

#include "vision-graph.h"

#include "graph-ops.h"

#include <algorithm>
#include <vector>

#include <ggml-backend.h>

namespace bllossom {

void vision_inputs::set(const image_input & image, const vision_hparams & hp) const {
    const std::vector<float> unfolded = unfold_patches(image, hp);
    ggml_backend_tensor_set(patches, unfolded.data(), 0, unfolded.size() * sizeof(float));

    ggml_backend_tensor_set(aspect_ratio_id, &image.aspect_ratio_id, 0, sizeof(int32_t));

    std::vector<int32_t> tiles;
    tiles.reserve(size_t(tile_of_row->ne[0]));
    for (int32_t tile = 0; tile < hp.max_tiles; tile++) {
        tiles.insert(tiles.end(), size_t(hp.n_pos()), tile);
    }
    for (int32_t tile = 0; tile < hp.max_tiles; tile++) {
        tiles.insert(tiles.end(), size_t(hp.n_filler()), tile);
    }
    ggml_backend_tensor_set(tile_of_row, tiles.data(), 0, tiles.size() * sizeof(int32_t));
}

static vision_inputs build_inputs(ggml_context * ctx0, const vision_hparams & hp) {
    vision_inputs inputs;
    inputs.patches = ggml_new_tensor_2d(ctx0, GGML_TYPE_F32, hp.patch_elements(), hp.n_patches() * hp.max_tiles);
    inputs.aspect_ratio_id = ggml_new_tensor_1d(ctx0, GGML_TYPE_I32, 1);
    inputs.tile_of_row     = ggml_new_tensor_1d(ctx0, GGML_TYPE_I32, hp.max_tiles * (hp.n_pos() + hp.n_filler()));
    for (ggml_tensor * input : {inputs.patches, inputs.aspect_ratio_id, inputs.tile_of_row}) {
        ggml_set_input(input);
    }
    return inputs;
}

/** The row of an aspect ratio table, times its gate. table: [n, n_ratios + 1] -> F32 [n_embd, n / (n_embd*n_tiles),
 * n_tiles] */
static ggml_tensor * build_ratio_row(ggml_context * ctx0, ggml_tensor * table, ggml_tensor * id, float gate,
                                     int64_t n_embd, int64_t n_tiles) {
    ggml_tensor * row = ggml_scale(ctx0, ggml_get_rows(ctx0, table, id), gate);
    return ggml_reshape_3d(ctx0, row, n_embd, table->ne[0] / (n_embd * n_tiles), n_tiles);
}

// MllamaVisionModel.forward up to and including layernorm_pre -> [n_embd, n_rows]
static ggml_tensor * build_embeddings(ggml_context * ctx0, const model & m, const vision_inputs & inputs) {
    const vision_hparams & hp = m.hp.vision;
    const vision_weights & w  = m.vision;

    // patch_embedding: the convolution as a matrix product over unfolded patches
    ggml_tensor * kernel = ggml_reshape_2d(ctx0, w.patch_embd, hp.patch_elements(), hp.n_embd);
    ggml_tensor * cur    = ggml_mul_mat(ctx0, kernel, inputs.patches); // [n_embd, n_patches*max_tiles]
    cur                  = ggml_reshape_3d(ctx0, cur, hp.n_embd, hp.n_patches(), hp.max_tiles);

    // pre_tile_positional_embedding: before the class token, which does not get it
    cur = ggml_add(
        ctx0, cur,
        build_ratio_row(ctx0, w.pre_tile_embd, inputs.aspect_ratio_id, w.pre_tile_gate, hp.n_embd, hp.max_tiles));

    // apply_class_embedding
    ggml_tensor * class_embd = ggml_repeat_4d(ctx0, w.class_embd, hp.n_embd, 1, hp.max_tiles, 1);
    cur                      = ggml_concat(ctx0, class_embd, cur, 1); // [n_embd, n_pos, max_tiles]

    // gated_positional_embedding
    cur = ggml_add(ctx0, cur, ggml_scale(ctx0, w.position_embd, 1.0f - w.position_gate));
    cur = ggml_add(
        ctx0, cur,
        build_ratio_row(ctx0, w.tile_position_embd, inputs.aspect_ratio_id, w.position_gate, hp.n_embd, hp.max_tiles));

    cur = build_layer_norm(ctx0, cur, w.pre_norm, w.pre_norm_b, hp.norm_eps);
    return ggml_reshape_2d(ctx0, cur, hp.n_embd, hp.n_rows());
}

static ggml_tensor * columns(ggml_context * ctx0, ggml_tensor * heads, int64_t first, int64_t n) {
    return ggml_view_3d(ctx0, heads, heads->ne[0], n, heads->ne[2], heads->nb[1], heads->nb[2], first * heads->nb[1]);
}

// MllamaVisionAttention; the first n_real rows are real, the others padding. cur: [n_embd, n] -> [n_embd, n]
static ggml_tensor * build_vision_attention(ggml_context * ctx0, const vision_layer & layer, ggml_tensor * cur,
                                            int64_t n_head, int64_t n_real) {
    const int64_t n     = cur->ne[1];
    const int64_t n_pad = n - n_real;

    ggml_tensor * q = build_heads(ctx0, build_linear(ctx0, layer.wq, cur), n_head);
    ggml_tensor * k = build_heads(ctx0, build_linear(ctx0, layer.wk, cur), n_head);
    ggml_tensor * v = build_heads(ctx0, build_linear(ctx0, layer.wv, cur), n_head);

    ggml_tensor * out = build_attention(ctx0, columns(ctx0, q, 0, n_real), k, v, nullptr);
    if (n_pad > 0) {
        ggml_tensor * pad = build_attention(ctx0, columns(ctx0, q, n_real, n_pad), columns(ctx0, k, 0, n_real),
                                            columns(ctx0, v, 0, n_real), nullptr);
        out               = ggml_concat(ctx0, out, pad, 1);
    }
    return build_linear(ctx0, layer.wo, out);
}

// MllamaVisionEncoderLayer, local (gates are 1) or global
static ggml_tensor * build_vision_layer(ggml_context * ctx0, const vision_hparams & hp, const vision_layer & layer,
                                        ggml_tensor * inp, int64_t n_real, bool is_gated) {
    ggml_tensor * cur = build_layer_norm(ctx0, inp, layer.attn_norm, layer.attn_norm_b, hp.norm_eps);
    cur               = build_vision_attention(ctx0, layer, cur, hp.n_head, n_real);
    if (is_gated) {
        cur = ggml_scale(ctx0, cur, layer.attn_gate);
    }
    inp = ggml_add(ctx0, inp, cur);

    cur = build_layer_norm(ctx0, inp, layer.ffn_norm, layer.ffn_norm_b, hp.norm_eps);
    cur = build_linear(ctx0, layer.ffn_up, cur, layer.ffn_up_b);
    cur = ggml_gelu_erf(ctx0, cur);
    cur = build_linear(ctx0, layer.ffn_down, cur, layer.ffn_down_b);
    if (is_gated) {
        cur = ggml_scale(ctx0, cur, layer.ffn_gate);
    }
    return ggml_add(ctx0, inp, cur);
}

vision_outputs build_vision(ggml_context * ctx0, const model & m, int32_t n_tiles, vision_inputs & inputs) {
    const vision_hparams & hp = m.hp.vision;
    const vision_weights & w  = m.vision;
    const int64_t n_real      = n_tiles * hp.n_pos();
    const int64_t n_filler    = hp.max_tiles * hp.n_filler();

    inputs = build_inputs(ctx0, hp);

    ggml_tensor * cur = build_embeddings(ctx0, m, inputs);
    cur               = ggml_pad(ctx0, cur, 0, int(n_filler), 0, 0); // [n_embd, n_rows + n_filler]

    const auto drop_filler = [&](ggml_tensor * rows) {
        return ggml_view_2d(ctx0, rows, hp.n_embd, hp.n_rows(), rows->nb[1], 0);
    };

    // transformer: local layers; the intermediates are the states as they enter their layers
    std::vector<ggml_tensor *> intermediates;
    const auto keep = [&](int32_t il) {
        if (std::binary_search(hp.intermediate_layers.begin(), hp.intermediate_layers.end(), il)) {
            intermediates.push_back(drop_filler(cur));
        }
    };
    for (int32_t il = 0; il < hp.n_layer; il++) {
        keep(il);
        cur = build_vision_layer(ctx0, hp, w.layers[size_t(il)], cur, n_real, false);
    }
    keep(hp.n_layer);

    cur = build_layer_norm(ctx0, cur, w.post_norm, w.post_norm_b, hp.norm_eps);

    // post_tile_positional_embedding: every row of a tile, class and filler rows included
    ggml_tensor * per_tile =
        build_ratio_row(ctx0, w.post_tile_embd, inputs.aspect_ratio_id, w.post_tile_gate, hp.n_embd, hp.max_tiles);
    per_tile = ggml_reshape_2d(ctx0, per_tile, hp.n_embd, hp.max_tiles);
    cur      = ggml_add(ctx0, cur, ggml_get_rows(ctx0, per_tile, inputs.tile_of_row));

    // global_transformer
    for (const vision_layer & layer : w.global_layers) {
        cur = build_vision_layer(ctx0, hp, layer, cur, n_real, true);
    }

    vision_outputs outputs;
    outputs.features = drop_filler(cur);
    for (ggml_tensor * state : intermediates) {
        outputs.features = ggml_concat(ctx0, outputs.features, state, 0);
    }
    ggml_set_name(outputs.features, "vision_features");

    // multi_modal_projector
    outputs.states = build_linear(ctx0, w.mm, outputs.features, w.mm_b);
    ggml_set_name(outputs.states, "cross_states");
    return outputs;
}

} // namespace bllossom
