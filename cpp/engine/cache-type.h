#pragma once
// How the attention caches store their numbers, and how many bytes that takes.

#include <cstdint>

namespace bllossom {

/** Best first: F32 is exact, F16 what models are trained in, Q8_0 half of that (32 numbers and a scale in 34 bytes). */
enum class cache_type { f32, f16, q8_0 };

/** Cells of the self cache, and of an image in the cross cache, come in multiples of this: flash attention wants it. */
constexpr int64_t cell_padding = 256;

constexpr int64_t padded_cells(int64_t n) {
    return (n + cell_padding - 1) / cell_padding * cell_padding;
}

constexpr const char * cache_type_name(cache_type type) {
    return type == cache_type::f32 ? "f32" : type == cache_type::f16 ? "f16" : "q8_0";
}

/** Numbers that are stored together; heads must be whole multiples. */
constexpr int64_t cache_block(cache_type type) {
    return type == cache_type::q8_0 ? 32 : 1;
}

/** Bytes of a row of n numbers. */
constexpr uint64_t cache_row_bytes(cache_type type, int64_t n) {
    return uint64_t(type == cache_type::f32 ? 4 * n : type == cache_type::f16 ? 2 * n : n / 32 * 34);
}

} // namespace bllossom
