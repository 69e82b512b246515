#pragma once
// Normally distributed weights by the gigabyte: every tensor is made of stretches of one pool of numbers that were
// stored in its type once, taken from places that depend on the tensor's name and the position alone.

#include <cstdint>
#include <string>
#include <vector>

#include <ggml.h>

namespace bench {

class weight_pool {
  public:
    weight_pool(ggml_type type, float mean, float deviation);

    /** Elements that are taken at once, at most. */
    static constexpr int64_t stretch = 1 << 16;

    /** Bytes of `n` elements of a tensor from element `first` on; first must be a multiple of `stretch`. */
    const uint8_t * take(const std::string & tensor, int64_t first) const;

    /** Bytes of n elements. */
    size_t bytes(int64_t n) const { return ggml_row_size(type_, n); }

  private:
    ggml_type type_;
    std::vector<uint8_t> stored_;
};

} // namespace bench
