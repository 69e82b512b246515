#pragma once
// What the parts of a model take, read from the header of its files.

#include "hparams.h"
#include "model-source.h"
#include "placement-plan.h"

namespace bllossom {

struct outlined_needs {
    hparams hp;
    model_needs needs;    // weights and sizes; what computing takes is not in it
    uint64_t n_bytes = 0; // of all weights, as stored
};

/** Throws what load_model throws before it looks at the memory. */
outlined_needs read_needs(const model_files & files);

} // namespace bllossom
