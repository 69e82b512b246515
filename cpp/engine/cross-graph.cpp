// Reference: transformers, models/mllama/modeling_mllama.py (MllamaTextCrossAttention): keys and values depend on the
// image alone, so they are computed once. The states are not normalised by the layer's input norm; keys get k_norm.

#include "cross-graph.h"

#include "graph-ops.h"

namespace bllossom {

void build_cross_kv(ggml_context * ctx0, ggml_cgraph * gf, const model & m, const cross_cache & cache,
                    ggml_tensor * states, int32_t slot) {
    const text_hparams & hp = m.hp.text;

    const auto write = [&](ggml_tensor * rows, ggml_tensor * cells) { // rows: [n_embd_kv, n_rows]
        ggml_tensor * target = ggml_view_2d(ctx0, cells, cells->ne[0], rows->ne[1], cells->nb[1],
                                            size_t(cache.first_cell(slot)) * cells->nb[1]);
        ggml_build_forward_expand(gf, ggml_cpy(ctx0, rows, target));
    };

    for (int32_t il = 0; il < hp.n_layer; il++) {
        if (!hp.is_cross[size_t(il)]) {
            continue;
        }
        const text_layer & layer = m.text.layers[size_t(il)];

        ggml_tensor * k = build_linear(ctx0, layer.wk, states);
        k               = ggml_reshape_3d(ctx0, k, hp.n_embd_head(), hp.n_head_kv, states->ne[1]);
        k               = build_rms_norm(ctx0, k, layer.k_norm, hp.rms_eps);
        write(ggml_reshape_2d(ctx0, k, hp.n_embd_kv(), states->ne[1]), cache.k(il));
        write(build_linear(ctx0, layer.wv, states), cache.v(il));
    }
}

} // namespace bllossom
