// The nodes that are made of this CPU's kernels, against ggml's operations and against the definition.

#include "attention-node.h"
#include "backend.h"
#include "check.h"
#include "cpu-tiles.h"
#include "few-rows-node.h"
#include "kernel-operands.h"
#include "linear-node.h"
#include "rounded-rows-node.h"
#include "support/all-kernels.h"
#include "support/computation.h"
#include "support/rearranged-weight.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

using namespace bllossom;

namespace {

/** A weight of any type is what it is as F32, and rows are rounded no further than the kernels say. */
void products_take_weights_of_every_type(const block_kernels & kernels) {
    for (const ggml_type type : {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q4_0, GGML_TYPE_Q4_1,
                                 GGML_TYPE_Q5_0, GGML_TYPE_Q5_1, GGML_TYPE_Q8_0, GGML_TYPE_Q2_K, GGML_TYPE_Q3_K,
                                 GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K, GGML_TYPE_IQ4_NL, GGML_TYPE_IQ4_XS}) {
        for (const int32_t n_threads : {1, 3}) {
            const backend_set backends("cpu", n_threads);
            const int64_t n_in = 6 * 256, n_out = 256 + 48, n_rows = 107;
            computation c(backends);
            ggml_context * ctx = c.ctx();
            ggml_tensor * w    = c.input(type, n_in, n_out);
            ggml_tensor * rows = c.input(GGML_TYPE_F32, n_in, n_rows);
            ggml_tensor * b    = c.input(GGML_TYPE_F32, n_out, 1);
            ggml_tensor * work = kernel_thread::new_works(ctx, linear_node::n_work(kernels), 2);
            linear_node plain(kernels, false), gelu(kernels, true);

            ggml_tensor * operand  = kernel_operands().of(ctx, kernels, rows);
            ggml_tensor * floats   = ggml_cast(ctx, w, GGML_TYPE_F32);
            ggml_tensor * expected = ggml_add(ctx, ggml_mul_mat(ctx, floats, rows), b);
            const auto results     = c.run({plain.build(ctx, w, operand, b, work), expected,
                                            gelu.build(ctx, w, operand, b, work), ggml_gelu_erf(ctx, expected)});
            CHECK(linear_node::takes(kernels, w));
            CHECK(!linear_node::gives_elements(kernels, w));
            CHECK(largest_difference(results[0], results[1]) < tolerance(kernels, 1e-5));
            CHECK(largest_difference(results[2], results[3]) < tolerance(kernels, 1e-5));
        }
    }
}

constexpr ggml_type tiled_types[] = {GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K, GGML_TYPE_Q8_0};

/** They are what they are as F32. */
void products_take_tiled_weights(const block_kernels & kernels) {
    const backend_set backends("cpu", 2);
    ggml_backend_buffer_type_t tiles = rearranging_buffer_type(backends, "AMX");
    if (tiles == nullptr || kernels.type != GGML_TYPE_BF16) {
        return;
    }
    const int64_t n_in = 6 * 256, n_out = 256 + 64, n_rows = 107;
    for (const ggml_type type : tiled_types) {
        const rearranged_weight weight(tiles, type, n_in, n_out);
        CHECK(linear_node::takes(kernels, weight.tensor));
        CHECK(linear_node::takes_tiled(kernels, weight.tensor));

        computation c(backends);
        ggml_context * ctx  = c.ctx();
        ggml_tensor * plain = c.input(type, weight.bytes, n_in, n_out);
        ggml_tensor * rows  = c.input(GGML_TYPE_F32, n_in, n_rows);
        ggml_tensor * work  = kernel_thread::new_works(ctx, linear_node::n_work(kernels), 2);
        kernel_operands operands;
        linear_node node(kernels, false);
        CHECK(!linear_node::takes_tiled(kernels, plain));
        const auto results = c.run({node.build(ctx, weight.tensor, operands.of(ctx, kernels, rows), nullptr, work),
                                    ggml_mul_mat(ctx, ggml_cast(ctx, plain, GGML_TYPE_F32), rows)});
        const double d     = largest_difference(results[0], results[1]);
        printf("tiles of %s: largest difference %.2g\n", ggml_type_name(type), d);
        CHECK(d < tolerance(kernels, 0));
    }
}

/** Few rows are not rounded, and weights neither. */
void few_rows_take_tiled_weights() {
    const backend_set backends("cpu", 2);
    ggml_backend_buffer_type_t tiles = rearranging_buffer_type(backends, "AMX");
    if (tiles == nullptr || !has_bf16_tiles()) {
        return;
    }
    const int64_t n_in = 3 * 256, n_out = 320;
    for (const ggml_type type : tiled_types) {
        const rearranged_weight weight(tiles, type, n_in, n_out);
        double most = 0;
        for (int64_t n_rows = 1; n_rows <= few_rows::most; n_rows++) {
            computation c(backends);
            ggml_context * ctx  = c.ctx();
            ggml_tensor * plain = c.input(type, weight.bytes, n_in, n_out);
            ggml_tensor * rows  = c.input(GGML_TYPE_F32, n_in, n_rows);
            few_rows_node node;
            CHECK(few_rows_node::takes(weight.tensor, n_rows));
            CHECK(!few_rows_node::takes(plain, n_rows));
            const auto results = c.run(
                {node.build(ctx, weight.tensor, rows), ggml_mul_mat(ctx, ggml_cast(ctx, plain, GGML_TYPE_F32), rows)});
            most = std::max(most, largest_difference(results[0], results[1]));
        }
        CHECK(!few_rows_node::takes(weight.tensor, few_rows::most + 1));
        printf("few rows, %s: largest difference %.2g\n", ggml_type_name(type), most);
        CHECK(most < 3e-6);
    }
}

/** Rows that are rounded already: the weights are exact. */
void rounded_rows_take_tiled_weights() {
    const backend_set backends("cpu", 2);
    ggml_backend_buffer_type_t tiles = rearranging_buffer_type(backends, "AMX");
    const block_kernels * kernels    = amx_kernels();
    if (tiles == nullptr || !has_bf16_tiles()) {
        return;
    }
    const int64_t n_in = 3 * 256, n_out = 320;
    for (const ggml_type type : tiled_types) {
        const rearranged_weight weight(tiles, type, n_in, n_out);
        CHECK(rounded_rows_node::takes(*kernels, weight.tensor, 1) == (type != GGML_TYPE_Q8_0));
        double most = 0;
        for (int64_t n_rows = 1; type != GGML_TYPE_Q8_0 && n_rows <= rounded_rows::most; n_rows++) {
            computation c(backends);
            ggml_context * ctx  = c.ctx();
            ggml_tensor * plain = c.input(type, weight.bytes, n_in, n_out);
            ggml_tensor * rows  = c.input(GGML_TYPE_F32, n_in, n_rows);
            ggml_tensor * work  = kernel_thread::new_works(ctx, rounded_rows_node::n_work(), 2);
            rounded_rows_node node(*kernels);
            CHECK(!rounded_rows_node::takes(*kernels, plain, n_rows));
            ggml_tensor * operand = kernel_operands().of(ctx, *kernels, rows);
            const auto results    = c.run(
                   {node.build(ctx, weight.tensor, operand, work),
                    ggml_mul_mat(ctx, ggml_cast(ctx, plain, GGML_TYPE_F32), ggml_cast(ctx, operand, GGML_TYPE_F32))});
            most = std::max(most, largest_difference(results[0], results[1]));
        }
        CHECK(!rounded_rows_node::takes(*kernels, weight.tensor, rounded_rows::most + 1));
        printf("rounded rows, %s: largest difference %.2g\n", ggml_type_name(type), most);
        CHECK(most < 1e-5);
    }
}

/** What is complete after one block comes as elements, the operand of the next product. */
void products_give_elements(const block_kernels & kernels) {
    const backend_set backends("cpu", 2);
    computation c(backends);
    ggml_context * ctx = c.ctx();
    const int64_t n_in = 256, n_rows = 205;
    ggml_tensor * w    = c.input(GGML_TYPE_F32, n_in, 320);
    ggml_tensor * rows = c.input(GGML_TYPE_F32, n_in, n_rows);
    ggml_tensor * b    = c.input(GGML_TYPE_F32, 320, 1);
    ggml_tensor * work = kernel_thread::new_works(ctx, linear_node::n_work(kernels), 2);
    linear_node node(kernels, true);
    CHECK(linear_node::gives_elements(kernels, w));
    ggml_tensor * operand  = kernel_operands().of(ctx, kernels, rows);
    ggml_tensor * elements = node.build(ctx, w, operand, b, work, kernels.type);
    CHECK(elements->type == kernels.type);
    const auto results = c.run(
        {ggml_cast(ctx, elements, GGML_TYPE_F32), ggml_gelu_erf(ctx, ggml_add(ctx, ggml_mul_mat(ctx, w, rows), b))});
    CHECK(largest_difference(results[0], results[1]) < tolerance(kernels, 1e-5));
}

void products_of_odd_sizes(const block_kernels & kernels) {
    const backend_set backends("cpu", 2);
    for (const int64_t n_in : {1, 15, 32, 255, 257, 288, 600, 1312}) {
        for (const int64_t n_rows : {1, 5, 8, 13, 17, 33}) {
            computation c(backends);
            ggml_context * ctx = c.ctx();
            ggml_tensor * w    = c.input(GGML_TYPE_F32, n_in, 16);
            ggml_tensor * rows = c.input(GGML_TYPE_F32, n_in, n_rows);
            ggml_tensor * work = kernel_thread::new_works(ctx, linear_node::n_work(kernels), 2);
            linear_node node(kernels, false);
            std::vector<ggml_tensor *> outputs = {ggml_mul_mat(ctx, w, rows)};
            if (n_in % kernels.step == 0) {
                ggml_tensor * operand = kernel_operands().of(ctx, kernels, rows);
                outputs.push_back(node.build(ctx, w, operand, nullptr, work));
            }
            const auto results = c.run(outputs);
            CHECK(linear_node::takes(kernels, w) == (results.size() == 2));
            CHECK(results.size() < 2 || largest_difference(results[1], results[0]) < tolerance(kernels, 1e-5));
        }
    }
}

/** Every key as often as it counts, in double. rows: [n_rows][n_head * n] */
std::vector<float> attention_by_definition(const std::vector<float> & q, const std::vector<float> & k,
                                           const std::vector<float> & v, const vision_rows & rows, int64_t n_head) {
    const int64_t n_rows = rows.n_rows(), n_embd = int64_t(q.size()) / n_rows, n = n_embd / n_head;
    std::vector<float> out(q.size());
    for (int64_t head = 0; head < n_head; head++) {
        for (int64_t query = 0; query < n_rows; query++) {
            const bool is_real = query < rows.n_real_rows();
            double total       = 0;
            std::vector<double> sums(size_t(n), 0.0);
            for (int64_t key = 0; key < (is_real ? n_rows : rows.n_real_rows()); key++) {
                const int64_t padding = key - rows.n_real_rows();
                const bool is_counted = padding >= 0 && padding < rows.n_padding_tile_rows();
                double score          = 0;
                for (int64_t i = head * n; i < (head + 1) * n; i++) {
                    score += double(q[size_t(query * n_embd + i)]) * double(k[size_t(key * n_embd + i)]);
                }
                const double weight = std::exp(score / std::sqrt(double(n))) * (is_counted ? rows.n_alike : 1);
                total += weight;
                for (int64_t i = 0; i < n; i++) {
                    sums[size_t(i)] += weight * double(v[size_t(key * n_embd + head * n + i)]);
                }
            }
            for (int64_t i = 0; i < n; i++) {
                out[size_t(query * n_embd + head * n + i)] = float(sums[size_t(i)] / total);
            }
        }
    }
    return out;
}

void attention_is_the_reference(const block_kernels & kernels) {
    vision_hparams hp;
    hp.patch_size = 1;
    double most   = 0;
    for (const int32_t side : {2, 9, 13}) { // 5, 82 and 170 rows of a tile; 7 is the shortest without filler rows
        for (const int32_t n_tiles : {1, 2, 4}) {
            for (const bool is_alike : {true, false}) {
                for (const int32_t n_threads : {1, 3}) {
                    hp.image_size = side;
                    hp.max_tiles  = 4;
                    const vision_rows rows(hp, n_tiles, is_alike);
                    const int64_t n = side == 9 ? 80 : 16, n_head = 2;
                    const backend_set backends("cpu", n_threads);
                    computation c(backends);
                    ggml_tensor * q = c.input(kernels.type, n * n_head, rows.n_rows());
                    ggml_tensor * k = c.input(kernels.type, n * n_head, rows.n_rows());
                    ggml_tensor * v = c.input(kernels.type, n * n_head, rows.n_rows());
                    ggml_tensor * work =
                        kernel_thread::new_works(c.ctx(), attention_node::n_work(kernels, n, rows), n_threads);
                    attention_node node(kernels, rows);
                    const auto floats = [&](ggml_tensor * t) { return ggml_cast(c.ctx(), t, GGML_TYPE_F32); };
                    const auto results =
                        c.run({floats(node.build(c.ctx(), q, k, v, work, n_head)), floats(q), floats(k), floats(v)});
                    const double d = largest_difference(
                        results[0], attention_by_definition(results[1], results[2], results[3], rows, n_head));
                    most = std::max(most, d);
                }
            }
        }
    }
    printf("attention: largest difference %.2g\n", most);
    CHECK(most < tolerance(kernels, 2e-6));
}

void jobs_are_handed_out_once() {
    constexpr int64_t n_jobs = 1000, n_threads = 4;
    job_counter jobs;
    for (int run = 0; run < 20; run++) {
        std::vector<std::atomic<int>> taken(n_jobs);
        std::vector<std::thread> threads;
        for (int64_t i = 0; i < n_threads; i++) {
            threads.emplace_back([&] {
                for (int64_t job; (job = jobs.take(n_jobs, n_threads)) >= 0;) {
                    taken[size_t(job)]++;
                }
            });
        }
        for (auto & thread : threads) {
            thread.join();
        }
        CHECK(std::all_of(taken.begin(), taken.end(), [](const auto & n) { return n == 1; }));
    }
}

} // namespace

int main() {
    jobs_are_handed_out_once();
    few_rows_take_tiled_weights();
    rounded_rows_take_tiled_weights();
    for_all_kernels([](const block_kernels & kernels) {
        products_take_weights_of_every_type(kernels);
        products_take_tiled_weights(kernels);
        products_give_elements(kernels);
        products_of_odd_sizes(kernels);
        attention_is_the_reference(kernels);
    });
    return check::summary();
}
