// Reference: transformers, models/mllama/modeling_mllama.py (MllamaTextModel, MllamaSelfAttentionDecoderLayer,
// MllamaCrossAttentionDecoderLayer, MllamaForConditionalGeneration).
//
// Self layers are Llama's, with the checkpoint's q and k rows permuted so that RoPE turns adjacent pairs. Cross layers
// are left out when no row of the batch has an image; in a mixed batch the rows without one get zero from both
// branches, which is the same.

#include "text-graph.h"

#include "graph-ops.h"

#include <algorithm>

#include <ggml-backend.h>

namespace bllossom {

bool text_shape::operator==(const text_shape & other) const {
    return n_rows == other.n_rows && n_outputs == other.n_outputs && self == other.self && cross == other.cross;
}

text_shape shape_of(const std::vector<batch_row> & rows, const cross_cache & cross) {
    text_shape shape;
    shape.n_rows = int32_t(rows.size());
    shape.n_outputs =
        int32_t(std::count_if(rows.begin(), rows.end(), [](const batch_row & row) { return row.output; }));

    const cell_list * last = nullptr; // rows of a sequence come one after the other
    for (const batch_row & row : rows) {
        if (row.cells == last) {
            continue;
        }
        last       = row.cells;
        shape.self = cover(shape.self, row.cells->range());
        for (const cross_image & image : *row.images) {
            shape.cross = cover(shape.cross, {image.first_cell, cross.slot_cells()});
        }
    }
    return shape;
}

/** Without logits to compute, a graph may do without some of its inputs. */
template <typename T> static void set_tensor(ggml_tensor * tensor, const std::vector<T> & values) {
    if (tensor->buffer == nullptr) {
        return;
    }
    ggml_backend_tensor_set(tensor, values.data(), 0, values.size() * sizeof(T));
}

static void set_cross(const text_inputs & inputs, const std::vector<batch_row> & rows, const text_shape & shape,
                      row_mode mode) {
    std::vector<uint16_t> mask(rows.size() * size_t(shape.cross.n));
    std::vector<float> attends, mlp;
    for (size_t i = 0; i < rows.size(); i++) {
        const batch_row & row = rows[i];
        fill_cross_mask_row(mask.data() + i * size_t(shape.cross.n), shape.cross.first, shape.cross.n, row.pos,
                            *row.images, mode);
        const cross_row flags = resolve_cross_row(row.pos, *row.images, mode);
        attends.push_back(flags.attends ? 1.0f : 0.0f);
        mlp.push_back(flags.mlp ? 1.0f : 0.0f);
    }
    set_tensor(inputs.cross_mask, mask);
    set_tensor(inputs.attends, attends);
    set_tensor(inputs.mlp, mlp);
}

void text_inputs::set(const std::vector<batch_row> & rows, const text_shape & shape, row_mode mode) const {
    std::vector<int32_t> ids, pos, out;
    std::vector<int64_t> targets;
    std::vector<uint16_t> mask(rows.size() * size_t(shape.self.n));
    for (size_t i = 0; i < rows.size(); i++) {
        const batch_row & row = rows[i];
        ids.push_back(row.token);
        pos.push_back(row.pos);
        targets.push_back((*row.cells)[row.pos]);
        if (row.output) {
            out.push_back(int32_t(i));
        }
        row.cells->fill_mask_row(mask.data() + i * size_t(shape.self.n), shape.self, row.pos);
    }
    set_tensor(tokens, ids);
    set_tensor(positions, pos);
    set_tensor(cells, targets);
    set_tensor(self_mask, mask);
    if (output_ids) {
        set_tensor(output_ids, out);
    }
    if (cross_mask) {
        set_cross(*this, rows, shape, mode);
    }
}

static text_inputs build_inputs(ggml_context * ctx0, const text_shape & shape) {
    const auto input = [&](ggml_type type, int64_t ne0, int64_t ne1) {
        ggml_tensor * tensor = ggml_new_tensor_2d(ctx0, type, ne0, ne1);
        ggml_set_input(tensor);
        return tensor;
    };
    text_inputs inputs;
    inputs.tokens    = input(GGML_TYPE_I32, shape.n_rows, 1);
    inputs.positions = input(GGML_TYPE_I32, shape.n_rows, 1);
    inputs.cells     = input(GGML_TYPE_I64, shape.n_rows, 1);
    inputs.self_mask = input(GGML_TYPE_F16, shape.self.n, shape.n_rows);
    if (shape.n_outputs > 0) {
        inputs.output_ids = input(GGML_TYPE_I32, shape.n_outputs, 1);
    }
    if (shape.cross.n > 0) {
        inputs.cross_mask = input(GGML_TYPE_F16, shape.cross.n, shape.n_rows);
        inputs.attends    = input(GGML_TYPE_F32, 1, shape.n_rows);
        inputs.mlp        = input(GGML_TYPE_F32, 1, shape.n_rows);
    }
    return inputs;
}

/** A range of cells, split into heads. cells: [n_embd_kv, n_cells] -> view [n_embd_head, n, n_head_kv] */
static ggml_tensor * cell_heads(ggml_context * ctx0, const text_hparams & hp, ggml_tensor * cells, cell_range range) {
    const size_t head_bytes = ggml_row_size(cells->type, hp.n_embd_head());
    return ggml_view_3d(ctx0, cells, hp.n_embd_head(), range.n, hp.n_head_kv, cells->nb[1], head_bytes,
                        size_t(range.first) * cells->nb[1]);
}

// MllamaTextMLP: down(silu(gate(x)) * up(x))
static ggml_tensor * build_mlp(ggml_context * ctx0, text_ops & ops, const text_layer & layer, ggml_tensor * cur) {
    ggml_tensor * gate = ops.linear(layer.ffn_gate, cur);
    ggml_tensor * up   = ops.linear(layer.ffn_up, cur);
    return ops.linear(layer.ffn_down, ggml_swiglu_split(ctx0, gate, up));
}

// MllamaTextSelfAttention. cur: [n_embd, n_rows] -> [n_embd, n_rows]
static ggml_tensor * build_self_attention(ggml_context * ctx0, ggml_cgraph * gf, const model & m,
                                          const self_cache & cache, const text_shape & shape,
                                          const text_inputs & inputs, int32_t il, ggml_tensor * cur) {
    const text_hparams & hp  = m.hp.text;
    const text_layer & layer = m.text.layers[size_t(il)];

    const auto rope = [&](ggml_tensor * rows, int64_t n_head) {
        rows = ggml_reshape_3d(ctx0, rows, hp.n_embd_head(), n_head, shape.n_rows);
        return ggml_rope_ext(ctx0, rows, inputs.positions, m.text.rope_freqs, int(hp.n_embd_head()),
                             GGML_ROPE_TYPE_NORMAL, int(hp.n_ctx_train), hp.rope_freq_base, 1.0f, 0.0f, 1.0f, 0.0f,
                             0.0f);
    };
    ggml_tensor * q = rope(inputs.ops->linear(layer.wq, cur), hp.n_head);
    ggml_tensor * k = rope(inputs.ops->linear(layer.wk, cur), hp.n_head_kv);
    ggml_tensor * v = inputs.ops->linear(layer.wv, cur);

    k = ggml_reshape_2d(ctx0, k, hp.n_embd_kv(), shape.n_rows);
    ggml_build_forward_expand(gf, ggml_set_rows(ctx0, cache.k(il), k, inputs.cells));
    ggml_build_forward_expand(gf, ggml_set_rows(ctx0, cache.v(il), v, inputs.cells));

    cur = inputs.ops->attention(il, q, cell_heads(ctx0, hp, cache.k(il), shape.self),
                                cell_heads(ctx0, hp, cache.v(il), shape.self), inputs.self_mask);
    return inputs.ops->linear(layer.wo, cur);
}

// MllamaTextCrossAttention over cached keys and values. cur: [n_embd, n_rows] -> [n_embd, n_rows]
static ggml_tensor * build_cross_attention(ggml_context * ctx0, const model & m, const cross_cache & cache,
                                           const text_shape & shape, const text_inputs & inputs, int32_t il,
                                           ggml_tensor * cur) {
    const text_hparams & hp  = m.hp.text;
    const text_layer & layer = m.text.layers[size_t(il)];

    ggml_tensor * q = inputs.ops->linear(layer.wq, cur);
    q               = ggml_reshape_3d(ctx0, q, hp.n_embd_head(), hp.n_head, shape.n_rows);
    q               = build_rms_norm(ctx0, q, layer.q_norm, hp.rms_eps);

    cur = inputs.ops->attention(il, q, cell_heads(ctx0, hp, cache.k(il), shape.cross),
                                cell_heads(ctx0, hp, cache.v(il), shape.cross), inputs.cross_mask);
    return inputs.ops->linear(layer.wo, cur);
}

/** The last one that is computed. */
static int32_t last_layer(const text_hparams & hp, const text_shape & shape) {
    int32_t il = hp.n_layer - 1;
    while (hp.is_cross[size_t(il)] && shape.cross.n == 0) {
        il--;
    }
    return il;
}

/** Of the rows, those whose logits are wanted: after its attention, the last layer goes on with them alone. */
static ggml_tensor * build_output_rows(ggml_context * ctx0, const text_inputs & inputs, ggml_tensor * cur) {
    return inputs.output_ids ? ggml_get_rows(ctx0, cur, inputs.output_ids) : cur;
}

// MllamaSelfAttentionDecoderLayer
static ggml_tensor * build_self_layer(ggml_context * ctx0, ggml_cgraph * gf, const model & m, const self_cache & cache,
                                      const text_shape & shape, const text_inputs & inputs, int32_t il,
                                      ggml_tensor * inp) {
    const text_layer & layer = m.text.layers[size_t(il)];
    const float eps          = m.hp.text.rms_eps;

    ggml_tensor * cur = build_rms_norm(ctx0, inp, layer.attn_norm, eps);
    cur               = build_self_attention(ctx0, gf, m, cache, shape, inputs, il, cur);
    if (il == last_layer(m.hp.text, shape)) {
        cur = build_output_rows(ctx0, inputs, cur);
        inp = build_output_rows(ctx0, inputs, inp);
    }
    cur = ggml_add(ctx0, inp, cur);
    return ggml_add(ctx0, cur, build_mlp(ctx0, *inputs.ops, layer, build_rms_norm(ctx0, cur, layer.ffn_norm, eps)));
}

// MllamaCrossAttentionDecoderLayer; the row flags are full_text_row_masked_out_mask of the reference
static ggml_tensor * build_cross_layer(ggml_context * ctx0, const model & m, const cross_cache & cache,
                                       const text_shape & shape, const text_inputs & inputs, int32_t il,
                                       ggml_tensor * inp) {
    const text_layer & layer = m.text.layers[size_t(il)];
    const float eps          = m.hp.text.rms_eps;

    ggml_tensor * cur = build_rms_norm(ctx0, inp, layer.attn_norm, eps);
    cur               = build_cross_attention(ctx0, m, cache, shape, inputs, il, cur);
    cur               = ggml_mul(ctx0, ggml_scale(ctx0, cur, layer.cross_attn_gate), inputs.attends);
    ggml_tensor * mlp = inputs.mlp;
    if (il == last_layer(m.hp.text, shape)) {
        cur = build_output_rows(ctx0, inputs, cur);
        inp = build_output_rows(ctx0, inputs, inp);
        mlp = build_output_rows(ctx0, inputs, mlp);
    }
    inp = ggml_add(ctx0, inp, cur);

    cur = build_mlp(ctx0, *inputs.ops, layer, build_rms_norm(ctx0, inp, layer.ffn_norm, eps));
    cur = ggml_mul(ctx0, ggml_scale(ctx0, cur, layer.cross_mlp_gate), mlp);
    return ggml_add(ctx0, inp, cur);
}

/** The matrix of the output head: its own, or the first n_vocab rows of the embeddings. */
static ggml_tensor * head_weight(ggml_context * ctx0, const model & m) {
    ggml_tensor * embd = m.text.token_embd;
    return m.text.output ? m.text.output : ggml_view_2d(ctx0, embd, embd->ne[0], m.hp.text.n_vocab, embd->nb[1], 0);
}

ggml_tensor * build_text(ggml_context * ctx0, ggml_cgraph * gf, const model & m, const self_cache & self,
                         const cross_cache & cross, const text_shape & shape, text_inputs & inputs) {
    const text_hparams & hp = m.hp.text;

    inputs            = build_inputs(ctx0, shape);
    inputs.ops        = std::make_unique<text_ops>(ctx0, m, shape.n_rows);
    ggml_tensor * cur = ggml_get_rows(ctx0, m.text.token_embd, inputs.tokens); // [n_embd, n_rows]
    for (int32_t il = 0; il < hp.n_layer; il++) {
        if (!hp.is_cross[size_t(il)]) {
            cur = build_self_layer(ctx0, gf, m, self, shape, inputs, il, cur);
        } else if (shape.cross.n > 0) {
            cur = build_cross_layer(ctx0, m, cross, shape, inputs, il, cur);
        }
    }
    if (shape.n_outputs == 0) {
        return nullptr; // keys and values are written, nothing else is wanted
    }
    cur = build_rms_norm(ctx0, cur, m.text.output_norm, hp.rms_eps);
    cur = inputs.ops->linear(head_weight(ctx0, m), cur);
    ggml_set_name(cur, "logits");
    ggml_set_output(cur);
    ggml_build_forward_expand(gf, cur);
    return cur;
}

} // namespace bllossom
