#include "model-needs.h"

#include "tensor-plan.h"

#include <algorithm>

namespace bllossom {

static constexpr uint64_t tensor_alignment = 256; // the largest of the backends

outlined_needs read_needs(const model_files & files) {
    const model_source source(files);
    outlined_needs result;
    vision_weights vision;
    text_weights text;
    result.hp = read_hparams(source);
    auto plan = plan_tensors(result.hp, vision, text);
    match_tensors(source, plan);

    const text_hparams & hp = result.hp.text;
    model_needs & needs     = result.needs;
    needs.layers.resize(size_t(hp.n_layer));
    needs.is_cross    = hp.is_cross;
    needs.n_embd_kv   = hp.n_embd_kv();
    needs.n_embd_head = hp.n_embd_head();
    needs.slot_cells  = padded_cells(result.hp.vision.n_rows());
    needs.n_ctx_max   = hp.n_ctx_train;
    for (const planned_tensor & planned : plan) {
        result.n_bytes += planned.source->bytes;
        if (planned.use == tensor_use::gate) {
            continue;
        }
        const uint64_t bytes = planned.source->bytes + tensor_alignment;
        needs.staging        = std::max(needs.staging, bytes);
        if (!is_device_weight(planned)) {
            needs.tables += bytes;
        } else if (planned.part == model_part::layer) {
            needs.layers[size_t(planned.il)] += bytes;
        } else {
            (planned.part == model_part::vision ? needs.vision : needs.output) += bytes;
        }
    }
    return result;
}

} // namespace bllossom
