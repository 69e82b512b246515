#include "logit-scan.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

namespace bllossom {

static constexpr int64_t block = 64; // logits whose largest is looked up first

int64_t find_not_finite(const float * logits, int64_t n) {
    constexpr uint32_t exponent = 0x7F800000; // all its bits are set in infinities and NaN alone
    uint32_t found              = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        std::memcpy(&bits, logits + i, sizeof(bits));
        found |= uint32_t((bits & exponent) == exponent);
    }
    if (found == 0) {
        return -1;
    }
    return std::find_if(logits, logits + n, [](float x) { return !std::isfinite(x); }) - logits;
}

/** The largest of one block; `n` places of it are there. */
static float block_maximum(const float * logits, int64_t n) {
    constexpr int64_t lanes = 8;
    if (n < block) {
        return *std::max_element(logits, logits + n);
    }
    float most[lanes];
    std::copy(logits, logits + lanes, most);
    for (int64_t i = lanes; i < block; i += lanes) {
        for (int64_t lane = 0; lane < lanes; lane++) {
            most[lane] = logits[i + lane] > most[lane] ? logits[i + lane] : most[lane];
        }
    }
    return *std::max_element(most, most + lanes);
}

int64_t find_largest(const float * logits, int64_t n) {
    int64_t best   = 0;
    float best_max = logits[0];
    for (int64_t first = 0; first < n; first += block) {
        const float maximum = block_maximum(logits + first, std::min(block, n - first));
        if (maximum > best_max) {
            best     = first;
            best_max = maximum;
        }
    }
    return std::find(logits + best, logits + n, best_max) - logits;
}

void find_largest(const float * logits, int64_t n, int64_t k, std::vector<llama_token_data> & largest) {
    std::vector<float> maxima;
    maxima.reserve(size_t((n + block - 1) / block));
    for (int64_t first = 0; first < n; first += block) {
        maxima.push_back(block_maximum(logits + first, std::min(block, n - first)));
    }
    // k blocks have a logit of at least this, so the k largest logits are among those that have it.
    float bound = -INFINITY;
    if (k <= int64_t(maxima.size())) {
        std::vector<float> order = maxima;
        std::nth_element(order.begin(), order.begin() + (k - 1), order.end(), std::greater<float>());
        bound = order[size_t(k - 1)];
    }
    largest.clear();
    for (size_t b = 0; b < maxima.size(); b++) {
        if (maxima[b] < bound) {
            continue;
        }
        const int64_t first = int64_t(b) * block, end = std::min(first + block, n);
        for (int64_t i = first; i < end; i++) {
            if (logits[i] >= bound && logits[i] > -INFINITY) {
                largest.push_back({int32_t(i), logits[i], 0.0f});
            }
        }
    }
    const auto is_better = [](const llama_token_data & a, const llama_token_data & b) {
        return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
    };
    const size_t n_kept = std::min(size_t(k), largest.size());
    std::partial_sort(largest.begin(), largest.begin() + long(n_kept), largest.end(), is_better);
    largest.resize(n_kept);
}

} // namespace bllossom
