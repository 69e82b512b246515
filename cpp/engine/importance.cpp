#include "importance.h"

#include "error.h"
#include "model.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace bllossom {

void merge(importance & into, const importance & from) {
    for (const auto & [name, added] : from.weights) {
        input_sums & sums = into.weights[name];
        sums.squares.resize(added.squares.size());
        std::transform(added.squares.begin(), added.squares.end(), sums.squares.begin(), sums.squares.begin(),
                       std::plus<double>());
        sums.n_rows += added.n_rows;
    }
    for (const std::string & dataset : from.datasets) {
        if (std::find(into.datasets.begin(), into.datasets.end(), dataset) == into.datasets.end()) {
            into.datasets.push_back(dataset);
        }
    }
    into.n_chunks += from.n_chunks;
}

void check_finite(const importance & sums) {
    for (const auto & [name, input] : sums.weights) {
        if (!std::all_of(input.squares.begin(), input.squares.end(),
                         [](double value) { return std::isfinite(value); })) {
            throw error(error_code::model_output,
                        format("the model computed NaN or infinity before %s: its weights are damaged, or too large "
                               "for the type of the caches",
                               name.c_str()));
        }
    }
}

static const ggml_tensor * find_weight(const model & m, const std::string & name) {
    for (const ggml_context_ptr & ctx : m.contexts) {
        if (const ggml_tensor * tensor = ggml_get_tensor(ctx.get(), name.c_str())) {
            return tensor;
        }
    }
    return nullptr;
}

void check_fits(const importance & sums, const std::string & path, const model & m) {
    for (const auto & [name, input] : sums.weights) {
        const ggml_tensor * weight = find_weight(m, name);
        const int64_t n_columns    = int64_t(input.squares.size());
        if (weight == nullptr || weight->ne[0] != n_columns) {
            throw error(error_code::invalid_option,
                        format("%s is the importance matrix of another model: it has %s with %lld columns, the loaded "
                               "model has %s",
                               path.c_str(), name.c_str(), (long long) n_columns,
                               weight == nullptr ? "no such weight"
                                                 : format("%lld columns there", (long long) weight->ne[0]).c_str()));
        }
    }
}

} // namespace bllossom
