#pragma once
// Weights that ggml's AMX kernels have rearranged for themselves (ggml-cpu/amx/mmq.cpp), where decoding reads them
// best: for many rows they become operands of the products in BF16 tiles.

#include <cstddef>
#include <cstdint>

#include <ggml.h>

namespace bllossom {

/** Panels of 16 outputs, each block after block of its inputs. */
struct tiled_format {
    int64_t n_inputs;   // of a block
    size_t block_bytes; // of a panel's block

    /** Blocks of n inputs in all become a panel of block_kernels, of BF16. */
    void (*unpack)(const char * blocks, int64_t n, void * panel);
};

/** Of this weight; null for one that lies elsewhere or has another type. */
const tiled_format * find_tiled_format(const ggml_tensor * w);

/** Of a type, for x86-64 with AVX-512 on Linux; null for other types, and where the compiler has no such target. */
const tiled_format * amx_tiled_format(ggml_type type);

} // namespace bllossom
