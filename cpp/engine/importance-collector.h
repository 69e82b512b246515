#pragma once
// Sums up what the weight matrices of a model are multiplied with while its graphs run.

#include "importance-rows.h"
#include "importance.h"

#include <unordered_map>
#include <vector>

#include <ggml-backend.h>
#include <ggml.h>

namespace bllossom {

class importance_collector {
  public:
    /**
     * Looks at a graph before it is allocated (the scheduler may put copies into the place of weights) and remembers
     * its multiplications by rows of a weight as it is stored. Tables read by rows are no multiplication, and the patch
     * kernel, whose rows are reshaped, has no columns that a quantizer knows.
     */
    void watch(ggml_cgraph * gf, row_filter counts);

    /** For ggml_backend_sched_set_eval_callback, with the collector as its data. */
    static bool on_node(ggml_tensor * node, bool ask, void * collector);

    const importance & sums() const { return sums_; }

  private:
    void read_rows(const ggml_tensor * inputs, int64_t first, int64_t n);
    void add_inputs(const ggml_tensor * weight, const ggml_tensor * inputs);

    importance sums_;
    row_filter counts_;
    std::unordered_map<const ggml_tensor *, const ggml_tensor *> weights_; // multiplication of the graph -> its weight
    std::vector<float> staging_;                                           // rows on their way from the device
    std::vector<ggml_bf16_t> rounded_; // the same as they come, where they are rounded
};

} // namespace bllossom
