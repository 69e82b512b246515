#pragma once
// Everything a model computes with: the caches, the scheduler of graphs, and the two computations themselves. Belongs
// to the engine thread; knows neither requests nor text.

#include "backend.h"
#include "cross-cache.h"
#include "image-input.h"
#include "importance-collector.h"
#include "largest-graphs.h"
#include "memory-use.h"
#include "model.h"
#include "self-cache.h"
#include "text-graph.h"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <ggml-cpp.h>

namespace bllossom {

struct context_options {
    int64_t n_ctx      = 0; // cells of the self cache
    int32_t n_batch    = 0; // rows per graph; 0: 512
    int32_t n_images   = 0; // slots of the cross cache
    cache_type kv_type = cache_type::f16;
    row_mode mode      = row_mode::hf;
};

/** Rows per graph: 512 unless options say otherwise, and no more than the cache has cells. */
int32_t batch_rows(const context_options & options);

/** Where the caches of each layer lie. */
layer_buffer_types cache_types(const backend_set & backends, const placement & place, int32_t n_layer);

/** Intermediate results of an encode, for tests. */
struct vision_probe {
    std::vector<float> features; // [n_rows][n_embd_out]
    std::vector<float> states;   // [n_rows][text.n_embd]
};

class context {
  public:
    /**
     * Allocates the caches where a placement, which the model was loaded with too, has their layers, and reserves the
     * memory of the largest graphs. Throws error{out_of_memory}.
     * should_abort is polled while a graph runs, on the thread that runs it.
     */
    context(std::shared_ptr<const model> m, const backend_set & backends, const placement & place,
            context_options options, std::function<bool()> should_abort);

    const model & get_model() const { return *model_; }
    const context_options & options() const { return options_; }
    self_cache & self() { return *self_; }
    cross_cache & cross() { return *cross_; }
    memory_use memory() const;

    /** Parts that the last graph was computed in, each on one device. */
    int n_graph_parts() const { return ggml_backend_sched_get_n_splits(sched_.get()); }

    /** Where the image in a slot lies, for rows of the given range. */
    cross_image locate(int32_t slot, int32_t n_tiles, image_range range) const;

    /**
     * Runs the vision tower and writes the image's keys and values into the slot. Returns false when aborted.
     * Throws error{out_of_memory, backend}.
     */
    bool encode(const image_input & image, int32_t slot, vision_probe * probe = nullptr);

    /**
     * Runs the text decoder over 1 … n_batch rows, those of a sequence side by side, which have their cells in self().
     * Returns false when aborted: the cells then hold nothing of use. Throws error{out_of_memory, backend}.
     */
    bool decode(const std::vector<batch_row> & rows);

    /** Logits of the output rows of the last decode, in their order: [n_outputs][n_vocab]. Valid until the next run. */
    const float * logits() const { return logits_; }
    size_t n_logits() const { return n_logits_; }

    /**
     * From now on a collector sees what every graph multiplies weights with; null ends that. While it looks, the device
     * waits after every multiplication.
     */
    void observe(importance_collector * collector);

  private:
    /** The text decoder for batches of one shape. */
    struct text_run {
        text_run(context & c, const std::vector<batch_row> & rows, const text_shape & for_shape);

        text_shape shape;
        graph_builder graph;
        text_inputs inputs;
        ggml_tensor * logits;
    };

    void reserve();
    text_run & prepare_text(const std::vector<batch_row> & rows);
    void read_logits(const ggml_tensor * tensor);
    bool compute(ggml_cgraph * gf);

    std::shared_ptr<const model> model_;
    context_options options_;
    std::function<bool()> should_abort_;
    std::unique_ptr<self_cache> self_;
    std::unique_ptr<cross_cache> cross_;
    std::vector<uint8_t> graph_memory_; // tensors and nodes of the present graph
    ggml_backend_sched_ptr sched_;
    std::optional<text_run> text_; // the present graph, when it is one that can run again
    const float * logits_ = nullptr;
    size_t n_logits_      = 0;
    std::vector<float> logits_copy_; // when they do not lie in the host's memory
    importance_collector * collector_ = nullptr;
};

} // namespace bllossom
