#include "model-copy.h"

#include "error.h"

#include <algorithm>

namespace bllossom {

namespace {

constexpr size_t piece_bytes = 32 << 20;

std::vector<tensor_plan> to_writer_plan(const std::vector<copied_tensor> & tensors) {
    std::vector<tensor_plan> plan;
    for (const auto & tensor : tensors) {
        tensor_plan planned;
        planned.name = tensor.name;
        planned.type = tensor_type_name(tensor.type);
        planned.ne.assign(tensor.source->ne.begin(), tensor.source->ne.begin() + tensor.source->n_dims);
        if (tensor.n_rows != tensor.source->n_rows()) {
            planned.ne = {tensor.source->ne[0], tensor.n_rows};
        }
        plan.push_back(std::move(planned));
    }
    return plan;
}

source_type to_source_type(const source_tensor & tensor) {
    switch (tensor.type) {
    case GGML_TYPE_F32:
        return source_type::f32;
    case GGML_TYPE_F16:
        return source_type::f16;
    case GGML_TYPE_BF16:
        return source_type::bf16;
    default:
        throw error(error_code::internal, format("tensor \"%s\" cannot be converted from %s", tensor.name.c_str(),
                                                 ggml_type_name(tensor.type)));
    }
}

struct entry_reader {
    const gguf_metadata & from;
    const gguf_entry & entry;

    bool is(gguf_type type, bool is_array) const { return entry.type == type && entry.is_array == is_array; }

    /** False for a kind that files of ours do not have. */
    bool read(metadata_entry & to) const {
        to.key = entry.key;
        if (is(GGUF_TYPE_UINT32, false)) {
            to.value = from.get_u32(entry.key);
        } else if (is(GGUF_TYPE_FLOAT32, false)) {
            to.value = from.get_f32(entry.key);
        } else if (is(GGUF_TYPE_BOOL, false)) {
            to.value = from.get_bool(entry.key);
        } else if (is(GGUF_TYPE_STRING, false)) {
            to.value = std::string(from.get_str(entry.key));
        } else if (is(GGUF_TYPE_INT32, true)) {
            to.value = from.get_i32_array(entry.key);
        } else if (is(GGUF_TYPE_FLOAT32, true)) {
            to.value = from.get_f32_array(entry.key);
        } else if (is(GGUF_TYPE_STRING, true)) {
            const auto texts = from.get_str_array(entry.key);
            to.value         = std::vector<std::string>(texts.begin(), texts.end());
        } else {
            return false;
        }
        return true;
    }
};

} // namespace

std::vector<metadata_entry> to_entries(const gguf_metadata & metadata) {
    std::vector<metadata_entry> entries;
    for (const auto & entry : metadata.entries()) {
        metadata_entry copied;
        if (entry.key != GGUF_KEY_GENERAL_ALIGNMENT && entry_reader{metadata, entry}.read(copied)) {
            entries.push_back(std::move(copied));
        }
    }
    return entries;
}

model_copy::model_copy(copy_plan plan, const std::string & output, int n_threads)
    : plan_(std::move(plan)), writer_(output, plan_.metadata, to_writer_plan(plan_.tensors), n_threads) {
    for (const auto & tensor : plan_.tensors) {
        bytes_total_ += uint64_t(tensor.n_rows) * tensor.source->row_bytes();
    }
}

void model_copy::step() {
    if (tensor_ == plan_.tensors.size()) {
        return;
    }
    const copied_tensor & cur = plan_.tensors[tensor_];
    const auto most           = std::max<int64_t>(1, int64_t(piece_bytes / cur.source->row_bytes()));
    const int64_t n_rows      = std::min(most, cur.n_rows - row_);
    rows_.resize(size_t(n_rows) * cur.source->row_bytes());
    read_rows(*cur.source, row_, n_rows, rows_.data());

    const auto * bytes = reinterpret_cast<const uint8_t *>(rows_.data());
    if (cur.type == cur.source->type) {
        writer_.write_stored(tensor_, bytes, rows_.size());
    } else {
        writer_.write(tensor_, bytes, rows_.size(), to_source_type(*cur.source));
    }
    bytes_done_ += rows_.size();
    row_ += n_rows;
    if (row_ == cur.n_rows) {
        tensor_++;
        row_ = 0;
    }
}

} // namespace bllossom
