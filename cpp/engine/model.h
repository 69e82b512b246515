#pragma once
// A loaded model: hyper-parameters, tensors, and the buffers that hold them. Immutable after loading.

#include "backend.h"
#include "hparams.h"
#include "model-source.h"
#include "placement-plan.h"
#include "weights.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ggml-cpp.h>

namespace bllossom {

struct load_options : model_files {
    bool check_tensors = true; // refuse NaN and infinity in the weights
    placement place;           // which device holds what

    std::function<bool(float)> progress; // called with 0..1; return false to cancel
};

/** Bytes of weights as they lie in memory; of an outline, as they would. */
struct weight_use {
    size_t text   = 0;
    size_t vision = 0;
};

struct model {
    hparams hp;
    vision_weights vision;
    text_weights text;

    std::vector<ggml_context_ptr> contexts;
    std::vector<ggml_backend_buffer_ptr> buffers;

    std::string fingerprint; // model-fingerprint.h; of an outline, none
    int64_t n_params  = 0;
    size_t n_bytes    = 0;                 // bytes of weights, as stored
    int32_t n_threads = 1;                 // of the CPU, at most
    std::string ftype;                     // type that holds most of the weights, e.g. "Q4_K"
    std::map<std::string, weight_use> use; // by the device, as memory_name has it
};

/**
 * Loads a model. The whole of its files is validated before the first ggml call: header limits, hyper-parameters, and
 * the plan name -> type -> shape of every tensor; unknown tensors are refused. Memory is checked before it is
 * allocated.
 *
 * Throws error{model_not_found, model_format, model_unsupported, out_of_memory, cancelled, io, backend}; nothing is
 * left behind after a throw.
 */
std::unique_ptr<model> load_model(const backend_set & backends, const load_options & options);

/**
 * The same model without memory for its weights: graphs can be built and measured with it, not computed. Gates are 0.
 * Throws what load_model throws before it looks at the memory.
 */
std::unique_ptr<model> outline_model(const backend_set & backends, const load_options & options);

} // namespace bllossom
