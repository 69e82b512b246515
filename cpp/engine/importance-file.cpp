#include "importance-file.h"

#include "error.h"
#include "gguf-file.h"
#include "gguf-writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>

namespace bllossom {

namespace {

constexpr char key_type[]        = "general.type";
constexpr char key_datasets[]    = "imatrix.datasets";
constexpr char key_chunk_count[] = "imatrix.chunk_count";
constexpr char key_chunk_size[]  = "imatrix.chunk_size";
constexpr char type_imatrix[]    = "imatrix";

constexpr char squares_suffix[] = ".in_sum2";
constexpr char counts_suffix[]  = ".counts";

bool ends_with(const std::string & text, std::string_view end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/** A tensor's values, none of which may be negative, NaN or infinite. */
std::vector<float> read_values(const gguf_file & file, const gguf_tensor & tensor) {
    if (tensor.type != GGML_TYPE_F32 || tensor.ne[1] != 1 || tensor.ne[2] != 1 || tensor.ne[3] != 1) {
        file.fail(format("the tensor \"%s\" is not one row of f32", tensor.name.c_str()));
    }
    std::vector<float> values(size_t(tensor.ne[0]));
    file.read(tensor.offset, values.data(), values.size() * sizeof(float));
    if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value) && value >= 0; })) {
        file.fail(format("the tensor \"%s\" holds a negative number, NaN or infinity", tensor.name.c_str()));
    }
    return values;
}

/** How many rows were summed; llama.cpp stores 0 for what was never reached. */
int64_t read_count(const gguf_file & file, const std::string & name) {
    const gguf_tensor * tensor = file.find_tensor(name + counts_suffix);
    if (tensor == nullptr || tensor->ne[0] != 1) {
        file.fail(format("the sums of \"%s\" have no number of rows", name.c_str()));
    }
    const float count = read_values(file, *tensor).front();
    if (count > 9e15f) { // where doubles, and so counts, stop being exact
        file.fail(format("the number of rows of \"%s\" is %g, which cannot be", name.c_str(), double(count)));
    }
    return int64_t(count);
}

void check_kind(const gguf_file & file) {
    const gguf_entry * type = file.find(key_type);
    if (type == nullptr || type->type != GGUF_TYPE_STRING || file.get_str(key_type) != type_imatrix) {
        file.fail("it is not an importance matrix: general.type is not \"imatrix\"");
    }
}

std::vector<float> floats(const std::vector<double> & values) {
    return {values.begin(), values.end()};
}

void write_tensor(gguf_writer & writer, size_t tensor, const std::vector<float> & values) {
    writer.write(tensor, reinterpret_cast<const uint8_t *>(values.data()), values.size() * sizeof(float),
                 source_type::f32);
}

} // namespace

importance read_importance(const std::string & path) {
    const gguf_file file(path);
    check_kind(file);
    importance sums;
    for (const std::string_view dataset : file.get_str_array(key_datasets)) {
        sums.datasets.emplace_back(dataset);
    }
    sums.n_chunks = file.get_u32(key_chunk_count);
    for (const gguf_tensor & tensor : file.tensors()) {
        if (ends_with(tensor.name, squares_suffix)) {
            const std::string name          = tensor.name.substr(0, tensor.name.size() - strlen(squares_suffix));
            const std::vector<float> values = read_values(file, tensor);
            sums.weights[name]              = {{values.begin(), values.end()}, read_count(file, name)};
        } else if (!ends_with(tensor.name, counts_suffix)) {
            file.fail(format("the tensor \"%s\" is not part of an importance matrix", tensor.name.c_str()));
        }
    }
    return sums;
}

void write_importance(const std::string & path, const importance & sums, uint32_t chunk_size) {
    std::vector<tensor_plan> plan;
    std::vector<const input_sums *> written;
    for (const auto & [name, input] : sums.weights) {
        if (input.n_rows > 0) {
            plan.push_back({name + squares_suffix, "F32", {int64_t(input.squares.size()), 1}});
            plan.push_back({name + counts_suffix, "F32", {1, 1}});
            written.push_back(&input);
        }
    }
    if (written.empty()) {
        throw error(error_code::invalid_option, "nothing was collected: there is no importance matrix to write");
    }
    const std::vector<metadata_entry> metadata = {
        {key_type, std::string(type_imatrix)},
        {key_datasets, sums.datasets},
        {key_chunk_count, uint32_t(std::min<int64_t>(sums.n_chunks, UINT32_MAX))},
        {key_chunk_size, chunk_size},
    };
    gguf_writer writer(path, metadata, plan, 1);
    for (size_t i = 0; i < written.size(); i++) {
        write_tensor(writer, 2 * i, floats(written[i]->squares));
        write_tensor(writer, 2 * i + 1, {float(written[i]->n_rows)});
    }
    writer.finish();
}

} // namespace bllossom
