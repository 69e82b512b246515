#include "source-tensor.h"

#include <cmath>
#include <vector>

namespace bllossom {

namespace {

void to_floats(ggml_type type, const char * from, std::vector<float> & row) {
    if (type == GGML_TYPE_F32) {
        memcpy(row.data(), from, row.size() * sizeof(float));
    } else {
        ggml_get_type_traits(type)->to_float(from, row.data(), int64_t(row.size()));
    }
}

void from_floats(ggml_type type, const std::vector<float> & row, char * to) {
    if (type == GGML_TYPE_F32) {
        memcpy(to, row.data(), row.size() * sizeof(float));
    } else {
        ggml_fp32_to_bf16_row_ref(row.data(), reinterpret_cast<ggml_bf16_t *>(to), int64_t(row.size()));
    }
}

std::vector<float> concatenate_features(const std::vector<float> & row, size_t width) {
    const size_t n = row.size() / width - 1;
    std::vector<float> changed(row);
    for (size_t d = 0; d < width; d++) {
        for (size_t k = 0; k < n; k++) {
            changed[width + k * width + d] = row[width + d * n + k];
        }
    }
    return changed;
}

std::vector<float> pair_halves(const std::vector<float> & row) {
    const size_t half = row.size() / 2;
    std::vector<float> changed(row);
    for (size_t j = 0; j < half; j++) {
        changed[2 * j]     = row[j];
        changed[2 * j + 1] = row[half + j];
    }
    return changed;
}

void apply(const source_tensor & tensor, std::vector<float> & row) {
    switch (tensor.change) {
    case row_change::none:
        break;
    case row_change::concatenate_features:
        row = concatenate_features(row, size_t(tensor.width));
        break;
    case row_change::pair_halves:
        row = pair_halves(row);
        break;
    case row_change::activate:
        for (float & value : row) {
            value = std::tanh(value);
        }
        break;
    case row_change::one_minus:
        for (float & value : row) {
            value = 1.0f - value;
        }
        break;
    }
}

} // namespace

source_tensor as_stored(const gguf_file & file, const gguf_tensor & stored, const std::string & name) {
    source_tensor tensor;
    static_cast<gguf_tensor &>(tensor) = stored;
    tensor.name                        = name;
    tensor.file                        = &file;
    tensor.stored                      = &stored;
    return tensor;
}

void read_as(source_tensor & tensor, ggml_type type) {
    tensor.type  = type;
    tensor.bytes = uint64_t(tensor.n_rows()) * tensor.row_bytes();
}

void read_rows(const source_tensor & tensor, int64_t first, int64_t n_rows, char * dst) {
    const size_t stored_row = ggml_row_size(tensor.stored->type, tensor.ne[0]);
    const uint64_t offset   = tensor.stored->offset + uint64_t(first) * stored_row;
    if (tensor.is_as_stored()) {
        tensor.file->read(offset, dst, size_t(n_rows) * stored_row);
        return;
    }
    std::vector<char> stored(size_t(n_rows) * stored_row);
    tensor.file->read(offset, stored.data(), stored.size());
    std::vector<float> row(size_t(tensor.ne[0]));
    for (size_t i = 0; i < size_t(n_rows); i++) {
        to_floats(tensor.stored->type, stored.data() + i * stored_row, row);
        apply(tensor, row);
        from_floats(tensor.type, row, dst + i * tensor.row_bytes());
    }
}

} // namespace bllossom
