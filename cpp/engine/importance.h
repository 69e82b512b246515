#pragma once
// An importance matrix: for every weight matrix of a model, how large the inputs of its columns are. The error that
// rounding a weight makes is multiplied by its input, so a quantizer spends its precision where inputs are large.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bllossom {

struct model;

/** What one weight matrix was multiplied with. */
struct input_sums {
    std::vector<double> squares; // [n_per_row of the weight] of each column, summed over rows
    int64_t n_rows = 0;
};

struct importance {
    std::map<std::string, input_sums> weights; // by the weight's name
    std::vector<std::string> datasets;         // what the inputs came from
    int64_t n_chunks = 0;                      // prompts summed
};

/** Adds sums to others of the same model. */
void merge(importance & into, const importance & from);

/** Throws error{model_output} when a sum is NaN or infinite. */
void check_finite(const importance & sums);

/** Throws error{invalid_option} when the sums, read from `path`, have a weight that the model does not have so. */
void check_fits(const importance & sums, const std::string & path, const model & m);

} // namespace bllossom
