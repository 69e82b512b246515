#pragma once
// What an engine is told when it loads a model.

#include "context.h"
#include "memory-limits.h"
#include "model.h"

#include <optional>
#include <string>
#include <vector>

namespace bllossom {

struct engine_options : model_files {
    std::string device   = "auto"; // backend.h
    int32_t n_threads    = 0;      // 0: physical cores, fewer for a small model
    int32_t n_gpu_layers = -1;     // -1: as many as fit
    memory_limits memory;          // what "fit" means
    int32_t n_seq_max  = 0;        // 0: 4
    bool check_tensors = true;
    context_options context;             // n_ctx and n_images 0: at most 8192 and 4, as they fit
    std::vector<cache_type> other_types; // of the caches, that may be taken where the one of `context` does not fit
};

/** Those of loading the weights, as a plan has them placed. */
inline load_options to_load_options(const engine_options & options, const placement & place,
                                    std::function<bool(float)> progress = nullptr) {
    const model_files & files = options;
    return {files, options.check_tensors, place, std::move(progress)};
}

} // namespace bllossom
