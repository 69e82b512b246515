// Reference: transformers, models/mllama/modeling_mllama.py (MllamaTextCrossAttention): keys and values depend on the
// image alone, so they are computed once. The states are not normalised by the layer's input norm; keys get k_norm.

#include "cross-graph.h"

#include "graph-ops.h"

namespace bllossom {

void build_cross_kv(ggml_context * ctx0, ggml_cgraph * gf, const model & m, const cross_cache & cache, vision_ops & ops,
                    ggml_tensor * states, int32_t slot) {
    const text_hparams & hp  = m.hp.text;
    const vision_rows & rows = ops.rows();

    const auto write_at = [&](ggml_tensor * cur, ggml_tensor * cells, int64_t cell) {
        ggml_tensor * target = ggml_view_2d(ctx0, cells, cells->ne[0], cur->ne[1], cells->nb[1],
                                            size_t(cache.first_cell(slot) + cell) * cells->nb[1]);
        ggml_build_forward_expand(gf, ggml_cpy(ctx0, cur, target));
    };
    const auto write = [&](ggml_tensor * cur, ggml_tensor * cells) { // cur: [n_embd_kv, n_tile_rows]
        write_at(cur, cells, 0);
        ggml_tensor * last_tile =
            ggml_view_2d(ctx0, cur, cur->ne[0], rows.n_pos, cur->nb[1], size_t(cur->ne[1] - rows.n_pos) * cur->nb[1]);
        for (int32_t copy = 1; copy < rows.n_alike; copy++) {
            write_at(last_tile, cells, rows.n_tile_rows() + (copy - 1) * rows.n_pos);
        }
    };

    for (int32_t il = 0; il < hp.n_layer; il++) {
        if (!hp.is_cross[size_t(il)]) {
            continue;
        }
        const text_layer & layer = m.text.layers[size_t(il)];

        ggml_tensor * k = ops.linear(layer.wk, states);
        k               = ggml_reshape_3d(ctx0, k, hp.n_embd_head(), hp.n_head_kv, states->ne[1]);
        k               = build_rms_norm(ctx0, k, layer.k_norm, hp.rms_eps);
        write(ggml_reshape_2d(ctx0, k, hp.n_embd_kv(), states->ne[1]), cache.k(il));
        write(ops.linear(layer.wv, states), cache.v(il));
    }
}

} // namespace bllossom
