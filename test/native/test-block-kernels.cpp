// The kernels of this CPU against sums in double.

#include "block-kernels.h"
#include "check.h"
#include "kernel-node.h"
#include "support/all-kernels.h"
#include "support/computation.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>

using namespace bllossom;

namespace {

/** Numbers that BF16 holds: their products are the same for all kernels. */
std::vector<float> short_floats(size_t n) {
    std::vector<float> values(n);
    for (float & value : values) {
        value = float(int(random_number() % 129) - 64) / 64.0f;
    }
    return values;
}

/** Memory of operands, which nothing touched. */
std::vector<char> elements(const block_kernels & kernels, int64_t n) {
    return std::vector<char>(size_t(n) * ggml_type_size(kernels.type), char(0x7f));
}

std::vector<char> rounded(const block_kernels & kernels, std::vector<float> values) {
    values.resize((values.size() + 15) / 16 * 16);
    auto all = elements(kernels, int64_t(values.size()));
    kernels.round(values.data(), int64_t(values.size()), all.data());
    return all;
}

float element(const block_kernels & kernels, const std::vector<char> & all, int64_t i) {
    float value = 0;
    if (kernels.type == GGML_TYPE_F32) {
        std::memcpy(&value, &all[size_t(i) * sizeof(float)], sizeof(float));
    } else {
        ggml_bf16_t rounded;
        std::memcpy(&rounded, &all[size_t(i) * sizeof(rounded)], sizeof(rounded));
        value = ggml_bf16_to_fp32(rounded);
    }
    return value;
}

void products_of_every_number_of_rows(const block_kernels & kernels) {
    constexpr int64_t n_there = 37;
    const int64_t n_inner     = padded(kernels, n_there);
    for (const int64_t n_panels : {1, 2, 3, 4, 5}) {
        const int64_t n_columns = 16 * n_panels;
        for (int64_t n_rows = 1; n_rows <= 70; n_rows++) {
            const int64_t a_stride = n_inner + 5, c_stride = n_columns + 3;
            const auto a = short_floats(size_t(n_rows * a_stride)), b = short_floats(size_t(n_columns * n_there));
            auto panels =
                elements(kernels, n_columns * n_inner); // what they are filled up with hides the rest of a row
            kernels.pack_transposed({rounded(kernels, b).data(), n_there, n_columns, n_there}, panels.data());
            const auto rows   = rounded(kernels, a);
            const auto before = random_floats(size_t(n_rows * c_stride));
            for (const bool is_added : {false, true}) {
                std::vector<float> c = before;
                kernels.multiply(
                    {rows.data(), a_stride, panels.data(), c.data(), c_stride, n_rows, n_inner, n_panels, is_added});
                for (int64_t i = 0; i < n_rows * c_stride; i++) {
                    const int64_t row = i / c_stride, column = i % c_stride;
                    double expected = before[size_t(i)];
                    if (column < n_columns) {
                        expected = is_added ? expected : 0;
                        for (int64_t k = 0; k < n_there; k++) {
                            expected += double(a[size_t(row * a_stride + k)]) * double(b[size_t(column * n_there + k)]);
                        }
                    }
                    CHECK(std::fabs(double(c[size_t(i)]) - expected) < 1e-5); // beside its columns nothing is written
                }
            }
        }
    }
}

/** Where the element of an inner row and a column lies in packed panels: pairs of BF16 lie side by side. */
int64_t place(const block_kernels & kernels, int64_t n_inner, int64_t k, int64_t column) {
    const int64_t panel = column / 16 * n_inner * 16;
    return kernels.type == GGML_TYPE_F32 ? panel + k * 16 + column % 16 : panel + k / 2 * 32 + column % 16 * 2 + k % 2;
}

void panels_hold_columns(const block_kernels & kernels) {
    for (const int64_t n_there : {1, 7, 8, 9, 80, 256}) {
        const int64_t stride = n_there + 3, n_inner = padded(kernels, n_there);
        for (const int64_t n_rows : {8, 16, 24, 48}) {
            const auto a            = short_floats(size_t(n_rows * stride));
            const int64_t n_columns = (n_rows + 15) / 16 * 16;
            auto panels             = elements(kernels, n_columns * n_inner);
            const auto untouched    = element(kernels, panels, 0);
            kernels.pack_transposed({rounded(kernels, a).data(), stride, n_rows, n_there}, panels.data());
            for (int64_t column = 0; column < n_columns; column++) {
                for (int64_t k = 0; k < n_inner; k++) {
                    const float expected = column >= n_rows ? untouched // half a panel is left
                                           : k < n_there    ? a[size_t(column * stride + k)]
                                                            : 0.0f;
                    CHECK(element(kernels, panels, place(kernels, n_inner, k, column)) == expected);
                }
            }
        }
    }
}

void panels_hold_rows(const block_kernels & kernels) {
    for (const int64_t n_there : {1, 2, 7, 33, 80, 256}) {
        const int64_t n_columns = 48, stride = n_columns + 5, n_inner = padded(kernels, n_there);
        const auto a = short_floats(size_t(n_there * stride));
        auto panels  = elements(kernels, n_columns * n_inner);
        kernels.pack_panels({rounded(kernels, a).data(), stride, n_there, n_columns}, panels.data());
        for (int64_t column = 0; column < n_columns; column++) {
            for (int64_t k = 0; k < n_inner; k++) {
                const float expected = k < n_there ? a[size_t(k * stride + column)] : 0.0f;
                CHECK(element(kernels, panels, place(kernels, n_inner, k, column)) == expected);
            }
        }
    }
}

void a_softmax_in_parts_is_a_softmax(const block_kernels & kernels) {
    constexpr size_t n = 64, n_parts = 5;
    const auto scores = random_floats(n * n_parts, 300.0f), bias = random_floats(n * n_parts, 3.0f);
    constexpr float scale = 0.25f;
    double largest = -1e30, total = 0;
    for (size_t i = 0; i < scores.size(); i++) {
        largest = std::max(largest, double(scores[i]) * scale + double(bias[i]));
    }
    for (size_t i = 0; i < scores.size(); i++) {
        total += std::exp2(double(scores[i]) * scale + double(bias[i]) - largest);
    }
    std::vector<std::vector<char>> parts; // weights, in the place of scores
    std::vector<double> factors(n_parts, 1);
    float max = -FLT_MAX, sum = 0;
    for (size_t part = 0; part < n_parts; part++) {
        std::vector<float> row(&scores[part * n], &scores[part * n] + n);
        const float factor = kernels.weigh(row.data(), &bias[part * n], n, scale, max, sum);
        const char * bytes = reinterpret_cast<const char *>(row.data());
        parts.emplace_back(bytes, bytes + n * sizeof(float));
        CHECK(factor >= 0 && factor <= 1);
        for (size_t before = 0; before < part; before++) {
            factors[before] *= double(factor);
        }
    }
    for (size_t i = 0; i < scores.size(); i++) {
        const double expected = std::exp2(double(scores[i]) * scale + double(bias[i]) - largest) / total;
        const double weight   = double(element(kernels, parts[i / n], int64_t(i % n)));
        CHECK(std::fabs(weight * factors[i / n] / double(sum) - expected) <
              tolerance(kernels, 1e-5) * expected + 1e-30);
    }
}

void gelu_is_the_exact_one(const block_kernels & kernels) {
    double most = 0;
    std::vector<float> row(16), bias(16, 0.25f);
    for (int i = -12000; i <= 12000; i += 16) {
        for (int k = 0; k < 16; k++) {
            row[size_t(k)] = float(i + k) / 1000.0f;
        }
        const std::vector<float> x = row;
        kernels.add_gelu(row.data(), bias.data(), 16);
        for (size_t k = 0; k < 16; k++) {
            const double at = double(x[k] + 0.25f), expected = at * std::erfc(-at / std::sqrt(2.0)) / 2;
            most = std::max(most, std::fabs(double(row[k]) - expected) / std::max(1.0, std::fabs(at)));
        }
    }
    printf("gelu: largest error %.2g\n", most);
    CHECK(most < 2e-7);
}

void what_is_no_number_stays_none(const block_kernels & kernels) {
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> row(16, nan), zeros(32, 0.0f);
    kernels.add_gelu(row.data(), zeros.data(), 16);
    CHECK(std::all_of(row.begin(), row.end(), [](float x) { return std::isnan(x); }));
    for (size_t at = 0; at < 32; at++) {
        std::vector<float> scores = random_floats(32);
        scores[at]                = nan;
        float max = -FLT_MAX, sum = 0;
        kernels.weigh(scores.data(), zeros.data(), 32, 1.0f, max, sum);
        CHECK(std::isnan(sum));
    }
}

} // namespace

int main() {
    for_all_kernels([](const block_kernels & kernels) {
        products_of_every_number_of_rows(kernels);
        panels_hold_columns(kernels);
        panels_hold_rows(kernels);
        a_softmax_in_parts_is_a_softmax(kernels);
        gelu_is_the_exact_one(kernels);
        what_is_no_number_stays_none(kernels);
    });
    return check::summary();
}
