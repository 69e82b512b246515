// The kernels of rows, with the vectors and elements of the file that includes this: it has defined `floats`, `element`
// (row-kernels.h) and KERNEL, the section of its code. They are functions of that file, not templates: a compiler may
// forget the section of those.

#include "row-kernels.h"

namespace bllossom {

KERNEL static void round(const float * from, int64_t n, void * to) {
    for (int64_t i = 0; i < n; i += floats::n) {
        element::store(floats::load(from + i), static_cast<float *>(to), i);
    }
}

KERNEL static float weigh(float * scores, const float * bias, int64_t n, float scale, float & max, float & sum) {
    return weigh_row<floats, element>(scores, bias, n, scale, max, sum);
}

KERNEL static void scale(float * row, int64_t n, float factor) {
    scale_row<floats>(row, n, factor);
}

KERNEL static void add(float * row, const float * bias, int64_t n) {
    add_to_row<floats>(row, bias, n);
}

KERNEL static void add_gelu(float * row, const float * bias, int64_t n) {
    add_gelu_to_row<floats>(row, bias, n);
}

} // namespace bllossom
