#include "tensor-plan.h"

#include "error.h"
#include "model-source.h"

#include <algorithm>
#include <unordered_set>

namespace bllossom {

namespace {

/** Collects the plan of one model part. */
class plan_writer {
  public:
    plan_writer(std::vector<planned_tensor> & plan, model_part part, std::string prefix = "", int32_t il = -1)
        : plan_(plan), part_(part), prefix_(std::move(prefix)), il_(il) {}

    using shape = std::array<int64_t, 4>;

    void vector(const char * name, ggml_tensor *& slot, int64_t n) {
        add(name, tensor_use::vector, {n, 1, 1, 1}, slot);
    }
    void vector(const char * name, ggml_tensor *& slot, int64_t n, int64_t rows) {
        add(name, tensor_use::vector, {n, rows, 1, 1}, slot);
    }
    void matrix(const char * name, ggml_tensor *& slot, int64_t n_in, int64_t n_out) {
        add(name, tensor_use::matrix, {n_in, n_out, 1, 1}, slot);
    }
    void image_matrix(const char * name, ggml_tensor *& slot, int64_t n_in, int64_t n_out) {
        add(name, tensor_use::image_matrix, {n_in, n_out, 1, 1}, slot);
    }
    void table(const char * name, ggml_tensor *& slot, int64_t n, int64_t rows) {
        add(name, tensor_use::table, {n, rows, 1, 1}, slot);
    }
    void kernel(const char * name, ggml_tensor *& slot, shape ne) { add(name, tensor_use::kernel, ne, slot); }
    void gate(const char * name, float & value) {
        plan_.push_back({prefix_ + name, tensor_use::gate, part_, il_, {1, 1, 1, 1}, nullptr, &value});
    }

  private:
    void add(const char * name, tensor_use use, shape ne, ggml_tensor *& slot) {
        plan_.push_back({prefix_ + name, use, part_, il_, ne, &slot});
    }

    std::vector<planned_tensor> & plan_;
    model_part part_;
    std::string prefix_;
    int32_t il_;
};

void plan_text_layer(plan_writer & out, const text_hparams & hp, bool is_cross, text_layer & layer) {
    out.vector("attn_norm.weight", layer.attn_norm, hp.n_embd);
    out.matrix(is_cross ? "cross_attn_q_proj.weight" : "attn_q.weight", layer.wq, hp.n_embd, hp.n_embd);
    if (is_cross) {
        out.image_matrix("cross_attn_k_proj.weight", layer.wk, hp.n_embd, hp.n_embd_kv());
        out.image_matrix("cross_attn_v_proj.weight", layer.wv, hp.n_embd, hp.n_embd_kv());
    } else {
        out.matrix("attn_k.weight", layer.wk, hp.n_embd, hp.n_embd_kv());
        out.matrix("attn_v.weight", layer.wv, hp.n_embd, hp.n_embd_kv());
    }
    out.matrix(is_cross ? "cross_attn_o_proj.weight" : "attn_output.weight", layer.wo, hp.n_embd, hp.n_embd);
    out.vector("ffn_norm.weight", layer.ffn_norm, hp.n_embd);
    out.matrix("ffn_gate.weight", layer.ffn_gate, hp.n_embd, hp.n_ff);
    out.matrix("ffn_up.weight", layer.ffn_up, hp.n_embd, hp.n_ff);
    out.matrix("ffn_down.weight", layer.ffn_down, hp.n_ff, hp.n_embd);
    if (is_cross) {
        out.vector("cross_attn_q_norm.weight", layer.q_norm, hp.n_embd_head());
        out.vector("cross_attn_k_norm.weight", layer.k_norm, hp.n_embd_head());
        out.gate("cross_attn_attn_gate", layer.cross_attn_gate);
        out.gate("cross_attn_mlp_gate", layer.cross_mlp_gate);
    }
}

void plan_text(std::vector<planned_tensor> & plan, const hparams & hp, text_weights & text) {
    plan_writer input(plan, model_part::input);
    input.table("token_embd.weight", text.token_embd, hp.text.n_embd, hp.n_embd_rows);
    if (hp.text.rope_scaled) {
        input.vector("rope_freqs.weight", text.rope_freqs, hp.text.n_embd_head() / 2);
    }
    text.layers.assign(size_t(hp.text.n_layer), {});
    for (int32_t il = 0; il < hp.text.n_layer; il++) {
        plan_writer out(plan, model_part::layer, format("blk.%d.", il), il);
        plan_text_layer(out, hp.text, hp.text.is_cross[size_t(il)], text.layers[size_t(il)]);
    }
    plan_writer output(plan, model_part::output);
    output.vector("output_norm.weight", text.output_norm, hp.text.n_embd);
    if (!hp.tied_head) {
        output.matrix("output.weight", text.output, hp.text.n_embd, hp.text.n_vocab);
    }
}

void plan_vision_layer(plan_writer & out, const vision_hparams & hp, bool is_global, vision_layer & layer) {
    out.vector("attn_norm.weight", layer.attn_norm, hp.n_embd);
    out.vector("attn_norm.bias", layer.attn_norm_b, hp.n_embd);
    out.image_matrix("attn_q.weight", layer.wq, hp.n_embd, hp.n_embd);
    out.image_matrix("attn_k.weight", layer.wk, hp.n_embd, hp.n_embd);
    out.image_matrix("attn_v.weight", layer.wv, hp.n_embd, hp.n_embd);
    out.image_matrix("attn_output.weight", layer.wo, hp.n_embd, hp.n_embd);
    out.vector("ffn_norm.weight", layer.ffn_norm, hp.n_embd);
    out.vector("ffn_norm.bias", layer.ffn_norm_b, hp.n_embd);
    out.image_matrix("ffn_up.weight", layer.ffn_up, hp.n_embd, hp.n_ff);
    out.vector("ffn_up.bias", layer.ffn_up_b, hp.n_ff);
    out.image_matrix("ffn_down.weight", layer.ffn_down, hp.n_ff, hp.n_embd);
    out.vector("ffn_down.bias", layer.ffn_down_b, hp.n_embd);
    if (is_global) {
        out.gate("attn_gate", layer.attn_gate);
        out.gate("ffn_gate", layer.ffn_gate);
    }
}

void plan_vision(std::vector<planned_tensor> & plan, const vision_hparams & hp, int64_t n_embd_text,
                 vision_weights & vision) {
    const int64_t n_ratios = int64_t(hp.aspect_ratios.size()) + 1; // row 0 is "no image"

    plan_writer out(plan, model_part::vision);
    out.kernel("v.patch_embd.weight", vision.patch_embd, {hp.patch_size, hp.patch_size, hp.n_channels, hp.n_embd});
    out.vector("v.class_embd", vision.class_embd, hp.n_embd);
    out.vector("v.position_embd.weight", vision.position_embd, hp.n_embd, hp.n_pos());
    out.gate("v.position_embd.gate", vision.position_gate);
    out.table("v.tile_position_embd.weight", vision.tile_position_embd, hp.n_embd * hp.n_pos() * hp.max_tiles,
              n_ratios);
    out.table("v.pre_tile_position_embd.weight", vision.pre_tile_embd, hp.n_embd * hp.max_tiles, n_ratios);
    out.gate("v.pre_tile_position_embd.gate", vision.pre_tile_gate);
    out.table("v.post_tile_position_embd.weight", vision.post_tile_embd, hp.n_embd * hp.max_tiles, n_ratios);
    out.gate("v.post_tile_position_embd.gate", vision.post_tile_gate);
    out.vector("v.pre_ln.weight", vision.pre_norm, hp.n_embd);
    out.vector("v.pre_ln.bias", vision.pre_norm_b, hp.n_embd);
    out.vector("v.post_ln.weight", vision.post_norm, hp.n_embd);
    out.vector("v.post_ln.bias", vision.post_norm_b, hp.n_embd);

    const auto plan_layers = [&](std::vector<vision_layer> & layers, int32_t n_layer, const char * tower,
                                 bool is_global) {
        layers.assign(size_t(n_layer), {});
        for (int32_t il = 0; il < n_layer; il++) {
            plan_writer layer(plan, model_part::vision, format("%s.blk.%d.", tower, il));
            plan_vision_layer(layer, hp, is_global, layers[size_t(il)]);
        }
    };
    plan_layers(vision.layers, hp.n_layer, "v", false);
    plan_layers(vision.global_layers, hp.n_global_layer, "v.global", true);

    out.image_matrix("mm.0.weight", vision.mm, hp.n_embd_out(), n_embd_text);
    out.vector("mm.0.bias", vision.mm_b, n_embd_text);
}

/** Types that have kernels for both rows and multiplication on every backend; also what `bllossom convert` writes. */
bool is_weight_type(ggml_type type) {
    switch (type) {
    case GGML_TYPE_F32:
    case GGML_TYPE_F16:
    case GGML_TYPE_BF16:
    case GGML_TYPE_Q4_0:
    case GGML_TYPE_Q4_1:
    case GGML_TYPE_Q5_0:
    case GGML_TYPE_Q5_1:
    case GGML_TYPE_Q8_0:
    case GGML_TYPE_Q2_K:
    case GGML_TYPE_Q3_K:
    case GGML_TYPE_Q4_K:
    case GGML_TYPE_Q5_K:
    case GGML_TYPE_Q6_K:
    case GGML_TYPE_IQ4_NL:
    case GGML_TYPE_IQ4_XS:
        return true;
    default:
        return false;
    }
}

std::string shape_text(const std::array<int64_t, 4> & ne) {
    return format("[%lld, %lld, %lld, %lld]", (long long) ne[0], (long long) ne[1], (long long) ne[2],
                  (long long) ne[3]);
}

void check_tensor(const gguf_metadata & file, const planned_tensor & planned) {
    const source_tensor & tensor = *planned.source;
    if (tensor.ne != planned.ne) {
        file.fail(format("tensor \"%s\" has the shape %s, expected %s from the metadata", tensor.name.c_str(),
                         shape_text(tensor.ne).c_str(), shape_text(planned.ne).c_str()));
    }
    const bool f32_only = planned.use == tensor_use::vector || planned.use == tensor_use::gate;
    if (f32_only ? tensor.type != GGML_TYPE_F32 : !is_weight_type(tensor.type)) {
        file.fail(format("tensor \"%s\" is of type %s; %s", tensor.name.c_str(), ggml_type_name(tensor.type),
                         f32_only ? "it must be f32" : "the engine has no kernels for it, convert to another type"));
    }
}

} // namespace

std::vector<planned_tensor> plan_tensors(const hparams & hp, vision_weights & vision, text_weights & text) {
    std::vector<planned_tensor> plan;
    plan_text(plan, hp, text);
    plan_vision(plan, hp.vision, hp.text.n_embd, vision);
    return plan;
}

void match_tensors(const model_source & model, std::vector<planned_tensor> & plan) {
    const gguf_metadata & file = model.metadata();
    std::unordered_set<std::string> names;
    for (auto & planned : plan) {
        planned.source = model.find_tensor(planned.name);
        if (planned.source == nullptr) {
            file.fail(format("the tensor \"%s\" is missing", planned.name.c_str()));
        }
        check_tensor(file, planned);
        names.insert(planned.name);
    }
    for (const auto & tensor : model.tensors()) {
        if (names.count(tensor.name) == 0) {
            file.fail(format("the tensor \"%s\" is not part of an mllama model", tensor.name.c_str()));
        }
    }
}

} // namespace bllossom
