#pragma once
// A graph of a few nodes on the CPU, over random numbers.

#include "backend.h"

#include <cstdint>
#include <vector>

#include <ggml-cpp.h>

/** Seeded; the same in every run. */
uint32_t random_number();

/** Between -range and range. */
std::vector<float> random_floats(size_t n, float range = 1.0f);

class computation {
  public:
    explicit computation(const bllossom::backend_set & backends);

    ggml_context * ctx() const { return ctx_.get(); }

    /** A tensor that gets random numbers. */
    ggml_tensor * input(ggml_type type, int64_t n, int64_t n_rows);

    /** A tensor that gets these bytes. */
    ggml_tensor * input(ggml_type type, std::vector<char> bytes, int64_t n, int64_t n_rows);

    /** A tensor that gets these numbers, F16. */
    ggml_tensor * input(const std::vector<uint16_t> & values, int64_t n, int64_t n_rows);

    /** Computes `results`, twice: a node may be used again. */
    std::vector<std::vector<float>> run(const std::vector<ggml_tensor *> & results);

  private:
    struct given {
        ggml_tensor * tensor;
        std::vector<char> bytes;
    };

    const bllossom::backend_set & backends_;
    ggml_context_ptr ctx_;
    ggml_backend_buffer_ptr buffer_;
    std::vector<given> inputs_;
};

/** Of a, which must be finite, against b; of the largest number of b. */
double largest_difference(const std::vector<float> & a, const std::vector<float> & b);
