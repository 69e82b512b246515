#pragma once
// The kernels that this CPU can run: those that keep floats, which those of higher levels replace, and those that
// round.

#include "backend.h"
#include "block-kernels.h"
#include "cpu-features.h"
#include "cpu-tiles.h"

#include <cstdio>

/** What a kernel may be off by, of the largest number: one that rounds to BF16 keeps 8 bits of each. */
inline double tolerance(const bllossom::block_kernels & kernels, double of_floats) {
    return kernels.type == GGML_TYPE_F32 ? of_floats : 6e-3;
}

/** Calls `check` with each; a CPU for which there are none has nothing to show. */
template <typename Check> void for_all_kernels(Check check) {
    const bllossom::backend_set backends("cpu", 1);
    const bllossom::block_kernels * best = bllossom::find_block_kernels(backends.cpu());
    const bool has_bf16                  = bllossom::has_feature(backends.cpu(), "AVX512_BF16");
    int n_checked                        = 0;
    for (const bllossom::block_kernels * kernels :
         {best != nullptr && best == bllossom::avx512_kernels() ? bllossom::avx2_kernels() : nullptr, best,
          has_bf16 ? bllossom::avx512_bf16_kernels() : nullptr,
          bllossom::has_bf16_tiles() ? bllossom::amx_kernels() : nullptr}) {
        if (kernels != nullptr) {
            printf("kernels for %s\n", ggml_type_name(kernels->type));
            check(*kernels);
            n_checked++;
        }
    }
    printf("%d kinds of kernels for this CPU\n", n_checked);
}
