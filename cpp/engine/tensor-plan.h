#pragma once
// Every tensor that a model of given hyper-parameters must have: its name, what it is used for, its exact shape, and
// where the loaded tensor is bound. The one list of tensors; docs/gguf.md is its prose.

#include "hparams.h"
#include "weights.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <ggml-backend.h>

namespace bllossom {

class model_source;
struct source_tensor;

/** How the graphs use a tensor; decides which types are allowed and which buffers can hold it. */
enum class tensor_use {
    vector,       // F32, added or multiplied element by element
    gate,         // F32 [1], kept as the number that a branch is multiplied by
    table,        // any weight type, read by rows: stays in host memory
    kernel,       // any weight type, reshaped before it is multiplied: never repacked
    matrix,       // any weight type, left operand of a multiplication
    image_matrix, // a matrix of what is computed once for a picture, all of its rows together (vision-ops.h)
};

inline bool is_matrix(tensor_use use) {
    return use == tensor_use::matrix || use == tensor_use::image_matrix;
}

/** Which part of the model a tensor belongs to; decides the device. */
enum class model_part { input, vision, layer, output };

struct planned_tensor {
    std::string name;
    tensor_use use;
    model_part part;
    int32_t il; // text layer of model_part::layer, else -1
    std::array<int64_t, 4> ne;

    ggml_tensor ** slot = nullptr; // null for gates
    float * gate        = nullptr; // gates only

    const source_tensor * source           = nullptr; // set by match_tensors
    ggml_backend_buffer_type_t buffer_type = nullptr; // set by place_weights; null for gates
};

/** Whether a GPU may hold a tensor; what is read by rows stays in host memory. */
inline bool is_device_weight(const planned_tensor & planned) {
    return planned.part != model_part::input && planned.use != tensor_use::table && planned.use != tensor_use::gate;
}

/** Sizes the layer vectors of both weights and plans every tensor; the slots point into the two. */
std::vector<planned_tensor> plan_tensors(const hparams & hp, vision_weights & vision, text_weights & text);

/**
 * Finds every planned tensor in the model. Throws error{model_format} when one is missing, has another shape or a type
 * that it may not have, or when the model holds a tensor that is not planned.
 */
void match_tensors(const model_source & model, std::vector<planned_tensor> & plan);

} // namespace bllossom
