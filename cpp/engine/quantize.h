#pragma once
// Rows of weights from a checkpoint's type into a type of the file, by ggml's own kernels.

#include <cstddef>
#include <cstdint>
#include <string>

#include <ggml.h>

namespace bllossom {

/** Types of a checkpoint's bytes; little-endian. */
enum class source_type { f32, f16, bf16 };

/** "F32" | "F16" | "BF16". Throws error{invalid_option} for another name. */
source_type source_type_from_name(const std::string & name);

/** Bytes of one element. */
size_t source_type_size(source_type type);

/** The name that people know, e.g. "Q4_K" (ggml itself says "q4_K"). */
std::string tensor_type_name(ggml_type type);

/**
 * ggml's type of that name ("F32", "Q4_K", …; case matters). Throws error{invalid_option} for a type that weights are
 * not stored in: the engine's tensor plan has the same list.
 */
ggml_type target_type_from_name(const std::string & name);

/** What a conversion lost: sums of squares over its elements. */
struct conversion_loss {
    double squared_error = 0; // of what is stored against the source
    double squared_sum   = 0; // of the source

    conversion_loss & operator+=(const conversion_loss & other) {
        squared_error += other.squared_error;
        squared_sum += other.squared_sum;
        return *this;
    }
};

/**
 * Converts n_rows rows of n_per_row elements, shared out over n_threads threads.
 *
 * src: [n_rows][n_per_row], any alignment. dst: n_rows * ggml_row_size(target, n_per_row) bytes. n_per_row must be a
 * multiple of the target's block size. Block types see whole rows, so the result does not depend on n_threads.
 *
 * importance: [n_per_row], finite and not negative, or null: what an error in each column costs, for the types that
 * choose their scales by it (all block types but Q8_0).
 *
 * Throws error{model_format} when the source holds NaN or infinity, or a value that the target cannot hold;
 * the message has no subject, so that the caller can put the tensor's name before it.
 */
conversion_loss convert_rows(const uint8_t * src, source_type source, int64_t n_rows, int64_t n_per_row,
                             ggml_type target, uint8_t * dst, int n_threads, const float * importance = nullptr);

} // namespace bllossom
