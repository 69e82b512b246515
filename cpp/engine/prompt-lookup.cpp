#include "prompt-lookup.h"

#include <algorithm>

namespace bllossom {

/** Tokens that are likelier to come true, with all before them, than a row costs; at least one, to find out. */
int32_t prompt_lookup::n_useful() const {
    int32_t n = 0;
    for (float chance = share_; n < n_max_ && chance > row_cost; chance *= share_) {
        n++;
    }
    return std::max(n, 1);
}

std::vector<int32_t> prompt_lookup::guess(const std::vector<int32_t> & tokens, int32_t n_most, int64_t n_vocab) {
    if (n_max_ == 0) {
        return {};
    }
    copy_.follow(tokens);
    const int32_t n = n_pause_ > 0 ? 0 : std::min(n_useful(), n_most);
    if (n <= 0) {
        return {};
    }
    std::vector<int32_t> next = copy_.next(tokens, size_t(n));
    next.erase(std::find_if(next.begin(), next.end(), [&](int32_t token) { return token >= n_vocab; }), next.end());
    return next;
}

void prompt_lookup::learn(int32_t n_guessed, int32_t n_right) {
    for (int32_t i = 0; i < n_right; i++) {
        share_ += news * (1.0f - share_);
    }
    if (n_right < n_guessed) {
        share_ -= news * share_;
    }
    if (n_right > 0) {
        n_next_pause_ = shortest_pause;
    } else {
        n_pause_      = n_next_pause_;
        n_next_pause_ = std::min(longest_pause, 2 * n_next_pause_);
    }
}

void prompt_lookup::rest() {
    n_pause_ = std::max(0, n_pause_ - 1);
}

} // namespace bllossom
