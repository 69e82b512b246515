#pragma once
// Weights as ggml's AMX kernels have rearranged them (ggml-cpu/amx/mmq.cpp): up to 16 rows are multiplied with them as
// they lie there, for more they become operands of the products in BF16 tiles.

#include <cstddef>
#include <cstdint>

#include <ggml.h>

namespace bllossom {

/** Rows of floats that weights are multiplied with. */
struct few_rows {
    static constexpr int most = 6; // from seven on the tiles are faster

    const float * x;
    int64_t stride;     // from row to row
    const float * sums; // of the inputs of each group
    int64_t sums_stride;
    int n_rows; // 1 … most
};

/** Rows of BF16 that weights are multiplied with. */
struct rounded_rows {
    static constexpr int most = 16; // of a tile

    const void * x;
    int64_t stride;     // elements from row to row
    const float * sums; // of the inputs of each group
    int64_t sums_stride;
    int n_rows; // 1 … most
};

/** Panels of 16 outputs, each block after block of its inputs. */
struct tiled_format {
    int64_t n_inputs;       // of a block
    int64_t n_group_inputs; // that have a scale in common; a block is whole groups
    size_t block_bytes;     // of a panel's block

    /** Blocks of n inputs in all become a panel of block_kernels, of BF16. */
    void (*unpack)(const char * blocks, int64_t n, void * panel);

    /** The 16 outputs of a panel, for each row; of all n inputs. No row is rounded. out: [n_rows][16] */
    void (*multiply)(const char * blocks, int64_t n, const few_rows & rows, float * out, int64_t out_stride);

    /** The same for rows of BF16. The weights' whole numbers are exact in it. Null where they are too large for that.
     */
    void (*multiply_rounded)(const char * blocks, int64_t n, const rounded_rows & rows, float * out,
                             int64_t out_stride);

    /** The sums of the groups of n BF16 inputs. */
    void (*sum_groups)(const void * x, int64_t n, float * sums);
};

/** Of this weight; null for one that lies elsewhere or has another type. */
const tiled_format * find_tiled_format(const ggml_tensor * w);

/** Of a type, for x86-64 with AVX-512 on Linux; null for other types, and where the compiler has no such target. */
const tiled_format * amx_tiled_format(ggml_type type);

} // namespace bllossom
