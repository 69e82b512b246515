#include "computation.h"

#include "check.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <ggml-alloc.h>

uint32_t random_number() {
    static std::mt19937 generator(1);
    return uint32_t(generator());
}

std::vector<float> random_floats(size_t n, float range) {
    std::vector<float> values(n);
    for (float & value : values) {
        value = range * (float(random_number() % 20001) / 10000.0f - 1.0f);
    }
    return values;
}

computation::computation(const bllossom::backend_set & backends)
    : backends_(backends), ctx_(ggml_init({64 * ggml_tensor_overhead() + ggml_graph_overhead(), nullptr, true})) {}

ggml_tensor * computation::input(ggml_type type, std::vector<char> bytes, int64_t n, int64_t n_rows) {
    inputs_.push_back({ggml_new_tensor_2d(ctx_.get(), type, n, n_rows), std::move(bytes)});
    return inputs_.back().tensor;
}

ggml_tensor * computation::input(ggml_type type, int64_t n, int64_t n_rows) {
    const auto values = random_floats(size_t(n * n_rows));
    std::vector<char> bytes(ggml_row_size(type, n) * size_t(n_rows));
    ggml_quantize_chunk(type, values.data(), bytes.data(), 0, n_rows, n, nullptr);
    return input(type, std::move(bytes), n, n_rows);
}

ggml_tensor * computation::input(const std::vector<uint16_t> & values, int64_t n, int64_t n_rows) {
    const char * bytes = reinterpret_cast<const char *>(values.data());
    return input(GGML_TYPE_F16, std::vector<char>(bytes, bytes + values.size() * sizeof(uint16_t)), n, n_rows);
}

std::vector<std::vector<float>> computation::run(const std::vector<ggml_tensor *> & results) {
    ggml_cgraph * graph = ggml_new_graph(ctx_.get());
    for (ggml_tensor * result : results) {
        ggml_build_forward_expand(graph, result);
    }
    buffer_.reset(ggml_backend_alloc_ctx_tensors(ctx_.get(), backends_.cpu()));
    for (const given & input : inputs_) {
        CHECK(input.bytes.size() == ggml_nbytes(input.tensor));
        ggml_backend_tensor_set(input.tensor, input.bytes.data(), 0, input.bytes.size());
    }
    for (int i = 0; i < 2; i++) {
        CHECK(ggml_backend_graph_compute(backends_.cpu(), graph) == GGML_STATUS_SUCCESS);
    }
    std::vector<std::vector<float>> all;
    for (ggml_tensor * result : results) {
        all.emplace_back(size_t(ggml_nelements(result)));
        ggml_backend_tensor_get(result, all.back().data(), 0, ggml_nbytes(result));
    }
    return all;
}

double largest_difference(const std::vector<float> & a, const std::vector<float> & b) {
    CHECK(a.size() == b.size());
    double most = 0, largest = 0;
    for (size_t i = 0; i < std::min(a.size(), b.size()); i++) {
        most    = std::max(most, std::fabs(double(a[i]) - double(b[i])));
        largest = std::max(largest, std::fabs(double(b[i])));
        CHECK(std::isfinite(a[i]));
    }
    return most == 0 ? 0 : most / largest; // all rows may see nothing, and all be 0
}
