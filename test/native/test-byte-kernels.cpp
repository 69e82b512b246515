// Products with rows that are rounded to bytes, against the definition.

#include "backend.h"
#include "byte-kernels.h"
#include "byte-rows-node.h"
#include "check.h"
#include "kernel-operands.h"
#include "support/computation.h"
#include "support/rearranged-weight.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace bllossom;

namespace {

constexpr int64_t n_block = byte_kernels::block;

struct q8_k {
    float d;
    int8_t qs[n_block];
    int16_t sums[n_block / 16];
};

std::vector<q8_k> rounded(const byte_kernels & kernels, const std::vector<float> & x) {
    std::vector<q8_k> blocks(x.size() / size_t(n_block));
    kernels.round(x.data(), int64_t(x.size()), blocks.data());
    return blocks;
}

void rounding_is_off_by_half_a_step(const byte_kernels & kernels) {
    for (const float range : {1e-30f, 1.0f, 1e30f}) {
        const auto x      = random_floats(8 * size_t(n_block), range);
        const auto blocks = rounded(kernels, x);
        for (size_t i = 0; i < x.size(); i++) {
            const q8_k & block = blocks[i / size_t(n_block)];
            CHECK(std::fabs(block.d * float(block.qs[i % size_t(n_block)]) - x[i]) <= 0.5001f * block.d);
        }
        for (const q8_k & block : blocks) {
            for (int64_t i = 0; i < n_block; i += 16) {
                int sum = 0;
                for (int64_t k = 0; k < 16; k++) {
                    sum += block.qs[i + k];
                }
                CHECK(block.sums[i / 16] == sum);
            }
            CHECK(*std::max_element(block.qs, block.qs + n_block) <= 127);
            CHECK(*std::min_element(block.qs, block.qs + n_block) >= -127);
        }
    }
    const auto nothing = rounded(kernels, std::vector<float>(size_t(n_block), 0.0f));
    CHECK(nothing[0].d == 0 && nothing[0].qs[17] == 0 && nothing[0].sums[3] == 0);
}

void what_is_no_number_is_not_lost(const byte_kernels & kernels) {
    for (const float strange : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                                -std::numeric_limits<float>::infinity()}) {
        for (const size_t place : {size_t(0), size_t(131), size_t(255)}) {
            auto x   = random_floats(2 * size_t(n_block));
            x[place] = strange;
            CHECK(std::isnan(rounded(kernels, x)[0].d));
            CHECK(std::isfinite(rounded(kernels, x)[1].d));
        }
    }
}

/** The definition: rows as they were rounded, weights as floats, sums in double. */
std::vector<float> product(const std::vector<q8_k> & rows, const std::vector<float> & w, int64_t n_in) {
    const auto n_blocks = size_t(n_in / n_block), n_out = w.size() / size_t(n_in), n_rows = rows.size() / n_blocks;
    std::vector<float> out(n_out * n_rows);
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t o = 0; o < n_out; o++) {
            double sum = 0;
            for (size_t i = 0; i < size_t(n_in); i++) {
                const q8_k & block = rows[row * n_blocks + i / size_t(n_block)];
                sum += double(block.d) * block.qs[i % size_t(n_block)] * double(w[o * size_t(n_in) + i]);
            }
            out[row * n_out + o] = float(sum);
        }
    }
    return out;
}

/** Every bit of a block, but for its scales in F16, which stay numbers. */
void scramble(rearranged_weight & weight) {
    const size_t n_bytes  = ggml_type_size(weight.tensor->type);
    const size_t n_halves = weight.tensor->type == GGML_TYPE_Q4_K ? 2 : 1; // of a block: first, or last
    for (size_t at = 0; at < weight.bytes.size(); at += n_bytes) {
        char * block = weight.bytes.data() + at;
        for (size_t i = 0; i < n_bytes; i++) {
            block[i] = char(random_number() % 4 == 0 ? 0xff : random_number());
        }
        char * halves = n_halves == 2 ? block : block + n_bytes - 2;
        for (size_t i = 0; i < n_halves; i++) {
            const ggml_fp16_t half = ggml_fp32_to_fp16(random_floats(1)[0]);
            std::memcpy(halves + 2 * i, &half, sizeof(half));
        }
    }
    weight.store();
}

void products_are_the_definition(const byte_kernels & kernels, ggml_type type, const char * where) {
    double most = 0;
    for (const int32_t n_threads : {1, 3}) {
        const backend_set backends("cpu", n_threads);
        ggml_backend_buffer_type_t plain = ggml_backend_cpu_buffer_type();
        ggml_backend_buffer_type_t room  = where == nullptr ? plain : rearranging_buffer_type(backends, where);
        CHECK(room != nullptr);
        for (const int64_t n_in : {256, 1536}) {
            rearranged_weight weight(room, type, n_in, n_in == 256 ? 8 : 328);
            for (const int64_t n_rows : {1, 2, 3, 4, 5, 7, 63, 64, 65, 130}) {
                computation c(backends);
                if (n_rows % 2 == 0) {
                    scramble(weight);
                }
                ggml_tensor * w    = weight.tensor;
                ggml_tensor * file = c.input(type, weight.bytes, n_in, w->ne[1]);
                ggml_tensor * cur  = c.input(GGML_TYPE_F32, n_in, n_rows);
                byte_rows_node node(kernels, w);
                kernel_operands operands;
                const auto results = c.run({node.build(c.ctx(), w, cur, operands.of(c.ctx(), kernels, cur)),
                                            ggml_cast(c.ctx(), file, GGML_TYPE_F32), cur});
                const auto rows    = rounded(kernels, results[2]);
                most               = std::max(most, largest_difference(results[0], product(rows, results[1], n_in)));

                // Each row alone gives the same.
                const size_t n_out = size_t(w->ne[1]), stride = size_t(n_in / n_block) * sizeof(q8_k);
                const byte_product multiply = find_byte_product(kernels, w);
                for (size_t row = 0; row < size_t(n_rows); row++) {
                    float alone[byte_kernels::panel];
                    multiply(static_cast<const char *>(w->data), n_in,
                             {reinterpret_cast<const char *>(rows.data()) + row * stride, stride, 1}, alone, 0);
                    CHECK(std::memcmp(alone, results[0].data() + row * n_out, sizeof(alone)) == 0);
                }
            }
        }
    }
    printf("%s: largest difference %.2g\n", ggml_type_name(type), most);
    CHECK(most < 2e-6);
}

void other_weights_are_not_taken(const byte_kernels & kernels) {
    const backend_set backends("cpu", 1);
    ggml_backend_buffer_type_t plain = ggml_backend_cpu_buffer_type();
    ggml_backend_buffer_type_t room  = rearranging_buffer_type(backends, "CPU_REPACK");
    CHECK(find_byte_product(kernels, rearranged_weight(room, GGML_TYPE_Q4_K, 256, 8).tensor) == kernels.multiply_q4_k);
    CHECK(find_byte_product(kernels, rearranged_weight(plain, GGML_TYPE_Q6_K, 256, 8).tensor) == kernels.multiply_q6_k);
    CHECK(find_byte_product(kernels, rearranged_weight(plain, GGML_TYPE_Q4_K, 256, 8).tensor) == nullptr);
    CHECK(find_byte_product(kernels, rearranged_weight(plain, GGML_TYPE_Q6_K, 256, 12).tensor) == nullptr);
    CHECK(find_byte_product(kernels, rearranged_weight(plain, GGML_TYPE_Q8_0, 256, 8).tensor) == nullptr);
    CHECK(find_byte_product(kernels, rearranged_weight(plain, GGML_TYPE_F32, 256, 8).tensor) == nullptr);
    const ggml_context_ptr ctx(ggml_init({ggml_tensor_overhead(), nullptr, true}));
    CHECK(find_byte_product(kernels, ggml_new_tensor_2d(ctx.get(), GGML_TYPE_Q6_K, 256, 8)) == nullptr); // lies nowhere
}

} // namespace

int main() {
    const byte_kernels * best = find_byte_kernels(backend_set("cpu", 1).cpu());
    // What a CPU with AVX-512 has can run those for AVX2 too.
    for (const byte_kernels * kernels :
         {best != nullptr && best == avx512_byte_kernels() ? avx2_byte_kernels() : nullptr, best}) {
        if (kernels == nullptr) {
            continue;
        }
        rounding_is_off_by_half_a_step(*kernels);
        what_is_no_number_is_not_lost(*kernels);
        products_are_the_definition(*kernels, GGML_TYPE_Q4_K, "CPU_REPACK");
        products_are_the_definition(*kernels, GGML_TYPE_Q6_K, nullptr);
        other_weights_are_not_taken(*kernels);
    }
    return check::summary();
}
