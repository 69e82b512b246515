// Reference: transformers, models/mllama/modeling_mllama.py (MllamaVisionModel, MllamaVisionEncoder, MllamaModel).
//
// All tiles of an image, padding tiles included, run through the tower together: real rows attend to every row, padding
// rows (of tiles the image does not have, and the filler rows that bring each tile to a multiple of 8) attend to real
// rows only. The reference says this with a mask; attention does not depend on the order of its keys, so here the real
// rows come first (vision-rows.h), and no mask is needed. A padding tile that stands for several counts as several
// keys.

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

    const auto n_tiles = int32_t(tile_of_row->ne[0] / (hp.n_pos() + hp.n_filler()));
    std::vector<int32_t> tiles;
    tiles.reserve(size_t(tile_of_row->ne[0]));
    for (int32_t tile = 0; tile < n_tiles; tile++) {
        tiles.insert(tiles.end(), size_t(hp.n_pos()), tile);
    }
    for (int32_t tile = n_tiles; tile-- > 0;) { // filler rows, those of padding tiles first
        tiles.insert(tiles.end(), size_t(hp.n_filler()), tile);
    }
    ggml_backend_tensor_set(tile_of_row, tiles.data(), 0, tiles.size() * sizeof(int32_t));
}

static vision_inputs build_inputs(ggml_context * ctx0, const vision_hparams & hp, const vision_rows & rows) {
    vision_inputs inputs;
    inputs.patches         = ggml_new_tensor_2d(ctx0, GGML_TYPE_F32, hp.patch_elements(), hp.n_patches() * rows.n_real);
    inputs.aspect_ratio_id = ggml_new_tensor_1d(ctx0, GGML_TYPE_I32, 1);
    inputs.tile_of_row     = ggml_new_tensor_1d(ctx0, GGML_TYPE_I32, rows.n_rows());
    for (ggml_tensor * input : {inputs.patches, inputs.aspect_ratio_id, inputs.tile_of_row}) {
        ggml_set_input(input);
    }
    return inputs;
}

/**
 * The row of an aspect ratio table, times its gate; of the tiles that are computed.
 * table: [n, n_ratios + 1] -> F32 [n_embd, n / (n_embd*max_tiles), n_tiles]
 */
static ggml_tensor * build_ratio_row(ggml_context * ctx0, const vision_hparams & hp, const vision_rows & rows,
                                     ggml_tensor * table, ggml_tensor * id, float gate) {
    const int64_t n_tile = table->ne[0] / hp.max_tiles;
    ggml_tensor * cur    = ggml_view_1d(ctx0, ggml_get_rows(ctx0, table, id), n_tile * rows.n_tiles(), 0);
    return ggml_reshape_3d(ctx0, ggml_scale(ctx0, cur, gate), hp.n_embd, n_tile / hp.n_embd, rows.n_tiles());
}

// MllamaVisionModel.forward up to and including layernorm_pre -> [n_embd, n_tile_rows]
static ggml_tensor * build_embeddings(ggml_context * ctx0, const model & m, const vision_rows & rows,
                                      const vision_inputs & inputs) {
    const vision_hparams & hp = m.hp.vision;
    const vision_weights & w  = m.vision;

    // patch_embedding: the convolution as a matrix product over unfolded patches
    ggml_tensor * kernel = ggml_reshape_2d(ctx0, w.patch_embd, hp.patch_elements(), hp.n_embd);
    ggml_tensor * cur    = ggml_mul_mat(ctx0, kernel, inputs.patches); // [n_embd, n_patches*n_real]
    cur                  = ggml_reshape_3d(ctx0, cur, hp.n_embd, hp.n_patches(), rows.n_real);
    cur                  = ggml_pad(ctx0, cur, 0, 0, rows.n_padding, 0); // pixels of padding tiles are 0

    // pre_tile_positional_embedding: before the class token, which does not get it
    cur =
        ggml_add(ctx0, cur, build_ratio_row(ctx0, hp, rows, w.pre_tile_embd, inputs.aspect_ratio_id, w.pre_tile_gate));

    // apply_class_embedding
    ggml_tensor * class_embd = ggml_repeat_4d(ctx0, w.class_embd, hp.n_embd, 1, rows.n_tiles(), 1);
    cur                      = ggml_concat(ctx0, class_embd, cur, 1); // [n_embd, n_pos, n_tiles]

    // gated_positional_embedding
    cur = ggml_add(ctx0, cur, ggml_scale(ctx0, w.position_embd, 1.0f - w.position_gate));
    cur = ggml_add(ctx0, cur,
                   build_ratio_row(ctx0, hp, rows, w.tile_position_embd, inputs.aspect_ratio_id, w.position_gate));

    cur = build_layer_norm(ctx0, cur, w.pre_norm, w.pre_norm_b, hp.norm_eps);
    return ggml_reshape_2d(ctx0, cur, hp.n_embd, rows.n_tile_rows());
}

// MllamaVisionEncoderLayer, local (gates are 1) or global
static ggml_tensor * build_vision_layer(ggml_context * ctx0, vision_ops & ops, const vision_hparams & hp,
                                        const vision_layer & layer, ggml_tensor * inp, bool is_gated) {
    ggml_tensor * cur = build_layer_norm(ctx0, inp, layer.attn_norm, layer.attn_norm_b, hp.norm_eps);
    cur               = ops.attention(layer, cur);
    if (is_gated) {
        cur = ggml_scale(ctx0, cur, layer.attn_gate);
    }
    inp = ggml_add(ctx0, inp, cur);

    cur = build_layer_norm(ctx0, inp, layer.ffn_norm, layer.ffn_norm_b, hp.norm_eps);
    cur = ops.mlp(layer, cur);
    if (is_gated) {
        cur = ggml_scale(ctx0, cur, layer.ffn_gate);
    }
    return ggml_add(ctx0, inp, cur);
}

vision_outputs build_vision(ggml_context * ctx0, const model & m, const vision_rows & rows, vision_inputs & inputs) {
    const vision_hparams & hp = m.hp.vision;
    const vision_weights & w  = m.vision;

    inputs           = build_inputs(ctx0, hp, rows);
    inputs.ops       = std::make_unique<vision_ops>(ctx0, m, rows);
    vision_ops & ops = *inputs.ops;

    ggml_tensor * cur = build_embeddings(ctx0, m, rows, inputs);
    cur               = ggml_pad(ctx0, cur, 0, int(rows.n_rows() - rows.n_tile_rows()), 0, 0); // [n_embd, n_rows]

    const auto drop_filler = [&](ggml_tensor * state) {
        return ggml_view_2d(ctx0, state, hp.n_embd, rows.n_tile_rows(), state->nb[1], 0);
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
        cur = build_vision_layer(ctx0, ops, hp, w.layers[size_t(il)], cur, false);
    }
    keep(hp.n_layer);

    cur = build_layer_norm(ctx0, cur, w.post_norm, w.post_norm_b, hp.norm_eps);

    // post_tile_positional_embedding: every row of a tile, class and filler rows included
    ggml_tensor * per_tile =
        build_ratio_row(ctx0, hp, rows, w.post_tile_embd, inputs.aspect_ratio_id, w.post_tile_gate);
    per_tile = ggml_reshape_2d(ctx0, per_tile, hp.n_embd, rows.n_tiles());
    cur      = ggml_add(ctx0, cur, ggml_get_rows(ctx0, per_tile, inputs.tile_of_row));

    // global_transformer
    for (const vision_layer & layer : w.global_layers) {
        cur = build_vision_layer(ctx0, ops, hp, layer, cur, true);
    }

    vision_outputs outputs;
    outputs.features = drop_filler(cur);
    for (ggml_tensor * state : intermediates) {
        outputs.features = ggml_concat(ctx0, outputs.features, state, 0);
    }
    ggml_set_name(outputs.features, "vision_features");

    // multi_modal_projector
    outputs.states = ops.linear(w.mm, outputs.features, w.mm_b);
    ggml_set_name(outputs.states, "cross_states");
    return outputs;
}

ggml_tensor * build_every_tile(ggml_context * ctx0, const vision_rows & rows, ggml_tensor * output) {
    const int64_t n = output->ne[0], n_more = rows.n_alike - 1;
    if (n_more == 0) {
        return output;
    }
    ggml_tensor * last =
        ggml_view_2d(ctx0, output, n, rows.n_pos, output->nb[1], (output->ne[1] - rows.n_pos) * output->nb[1]);
    return ggml_concat(ctx0, output, ggml_repeat_4d(ctx0, last, n, rows.n_pos * n_more, 1, 1), 1);
}

} // namespace bllossom
