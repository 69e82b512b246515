#include "quantize.h"

#include "error.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

namespace bllossom {

namespace {

constexpr int64_t slice_elements = 256 * 1024; // F32 scratch of a thread: 1 MiB, stays in cache

enum class outcome { good, not_finite, out_of_range };

/** n elements, unaligned, to F32. */
void to_f32(const uint8_t * src, source_type source, int64_t n, std::vector<uint16_t> & halves, float * dst) {
    if (source == source_type::f32) {
        memcpy(dst, src, size_t(n) * sizeof(float));
        return;
    }
    halves.resize(size_t(n));
    memcpy(halves.data(), src, size_t(n) * sizeof(uint16_t));
    if (source == source_type::f16) {
        ggml_fp16_to_fp32_row(halves.data(), dst, n);
    } else {
        ggml_bf16_to_fp32_row(reinterpret_cast<const ggml_bf16_t *>(halves.data()), dst, n);
    }
}

/** Of n stored elements against their source. `stored` is scratch. */
conversion_loss measure_loss(ggml_type type, const uint8_t * data, const std::vector<float> & values,
                             std::vector<float> & stored) {
    const ggml_to_float_t to_float = ggml_get_type_traits(type)->to_float;
    stored                         = values; // F32 has no conversion and loses nothing
    if (to_float != nullptr) {
        to_float(data, stored.data(), int64_t(stored.size()));
    }
    conversion_loss loss;
    for (size_t i = 0; i < values.size(); ++i) {
        const double difference = double(stored[i]) - double(values[i]);
        loss.squared_error += difference * difference;
        loss.squared_sum += double(values[i]) * double(values[i]);
    }
    return loss;
}

/** What one thread needs again for every slice. */
struct slice_scratch {
    std::vector<float> values;
    std::vector<float> stored;
    std::vector<uint16_t> halves;
};

/** One thread's share of a conversion: takes slices of whole units until none is left or one fails. */
struct row_converter {
    const uint8_t * src;
    source_type source;
    int64_t n_units;
    int64_t unit; // elements that must stay together: a row of a block type, else one
    ggml_type target;
    uint8_t * dst;

    const float * importance;

    std::vector<conversion_loss> losses{}; // per slice, so that their sum does not depend on the threads
    std::atomic<int64_t> next{0};          // slice
    std::atomic<outcome> result{outcome::good};

    int64_t units_per_slice() const { return std::max<int64_t>(1, slice_elements / unit); }
    int64_t n_slices() const { return (n_units + units_per_slice() - 1) / units_per_slice(); }

    void run() {
        slice_scratch scratch;
        while (result == outcome::good) {
            const int64_t slice = next++;
            if (slice >= n_slices()) {
                return;
            }
            const outcome done = convert(slice, scratch);
            if (done != outcome::good) {
                result = done;
            }
        }
    }

    outcome convert(int64_t slice, slice_scratch & scratch) {
        const int64_t first = slice * units_per_slice();
        const int64_t count = std::min(units_per_slice(), n_units - first);
        auto & values       = scratch.values;
        values.resize(size_t(count * unit));
        to_f32(src + size_t(first * unit) * source_type_size(source), source, count * unit, scratch.halves,
               values.data());
        if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); })) {
            return outcome::not_finite;
        }
        uint8_t * out     = dst + size_t(first) * ggml_row_size(target, unit);
        const size_t size = ggml_quantize_chunk(target, values.data(), out, 0, count, unit, importance);
        // The scales of the block types and the elements of F16 are 16-bit floats: a huge weight overflows them.
        if (!ggml_validate_row_data(target, out, size)) {
            return outcome::out_of_range;
        }
        losses[size_t(slice)] = measure_loss(target, out, values, scratch.stored);
        return outcome::good;
    }
};

} // namespace

source_type source_type_from_name(const std::string & name) {
    if (name == "F32") {
        return source_type::f32;
    }
    if (name == "F16") {
        return source_type::f16;
    }
    if (name == "BF16") {
        return source_type::bf16;
    }
    throw error(error_code::invalid_option, format("source type is \"%s\"; use F32, F16 or BF16", name.c_str()));
}

size_t source_type_size(source_type type) {
    return type == source_type::f32 ? 4 : 2;
}

std::string tensor_type_name(ggml_type type) {
    std::string name = ggml_type_name(type);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return char(std::toupper(c)); });
    return name;
}

ggml_type target_type_from_name(const std::string & name) {
    const auto accept = {GGML_TYPE_F32,  GGML_TYPE_F16,  GGML_TYPE_BF16, GGML_TYPE_Q8_0,   GGML_TYPE_Q5_0,
                         GGML_TYPE_Q5_1, GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q6_K,   GGML_TYPE_Q5_K,
                         GGML_TYPE_Q4_K, GGML_TYPE_Q3_K, GGML_TYPE_Q2_K, GGML_TYPE_IQ4_NL, GGML_TYPE_IQ4_XS};
    for (const ggml_type type : accept) {
        if (tensor_type_name(type) == name) {
            return type;
        }
    }
    throw error(error_code::invalid_option,
                format("tensor type is \"%s\"; use F32, F16, BF16, Q8_0, IQ4_NL, IQ4_XS or a type from Q2_K to Q6_K",
                       name.c_str()));
}

conversion_loss convert_rows(const uint8_t * src, source_type source, int64_t n_rows, int64_t n_per_row,
                             ggml_type target, uint8_t * dst, int n_threads, const float * importance) {
    const bool in_blocks = ggml_blck_size(target) > 1;
    const int64_t unit   = in_blocks ? n_per_row : 1;
    row_converter work{src, source, n_rows * n_per_row / unit, unit, target, dst, in_blocks ? importance : nullptr};
    work.losses.resize(size_t(work.n_slices()));

    std::vector<std::thread> helpers;
    for (int64_t i = 1; i < std::min<int64_t>(n_threads, work.n_slices()); ++i) {
        helpers.emplace_back([&work] { work.run(); });
    }
    work.run();
    for (std::thread & helper : helpers) {
        helper.join();
    }

    if (work.result == outcome::not_finite) {
        throw error(error_code::model_format, "holds NaN or infinity; the checkpoint is damaged");
    }
    if (work.result == outcome::out_of_range) {
        throw error(error_code::model_format, format("holds a value too large for the type %s; convert to BF16 or F32",
                                                     tensor_type_name(target).c_str()));
    }
    conversion_loss total;
    for (const conversion_loss & loss : work.losses) {
        total += loss;
    }
    return total;
}

} // namespace bllossom
