#include "prompt-lookup.h"

#include <algorithm>

namespace bllossom {

/** How many tokens before `end` are the last ones of the text, up to n_most. */
static size_t match_length(const std::vector<int32_t> & tokens, size_t end, size_t n_most) {
    size_t n = 0;
    while (n < n_most && n < end && tokens[end - 1 - n] == tokens[tokens.size() - 1 - n]) {
        n++;
    }
    return n;
}

std::vector<int32_t> prompt_lookup::guess(const std::vector<int32_t> & tokens, int32_t n_most, int64_t n_vocab) const {
    const int32_t n_wanted = std::min(n_next_, n_most);
    if (n_pause_ > 0 || n_wanted <= 0 || tokens.empty()) {
        return {};
    }
    size_t best = 0, best_end = 0;
    for (size_t end = tokens.size() - 1; end > 0 && best < size_t(max_match); end--) {
        const size_t n = match_length(tokens, end, size_t(max_match));
        if (n > best) {
            best     = n;
            best_end = end;
        }
    }
    if (best < size_t(min_match)) {
        return {};
    }
    std::vector<int32_t> next;
    for (size_t i = 0; i < size_t(n_wanted); i++) {
        const size_t at     = best_end + i;
        const int32_t token = at < tokens.size() ? tokens[at] : next[at - tokens.size()];
        if (token >= n_vocab) {
            break;
        }
        next.push_back(token);
    }
    return next;
}

void prompt_lookup::learn(int32_t n_guessed, int32_t n_right) {
    if (n_right > 0) {
        n_next_pause_ = shortest_pause;
    }
    if (n_right == n_guessed) {
        n_next_ = std::min(n_max_, std::max(n_next_, 2 * n_guessed + 1));
    } else if (n_right == 0) {
        n_next_       = std::min(n_max_, first_length);
        n_pause_      = n_next_pause_;
        n_next_pause_ = std::min(longest_pause, 2 * n_next_pause_);
    } else {
        n_next_ = std::min(n_max_, std::max(first_length, n_right));
    }
}

void prompt_lookup::rest() {
    n_pause_ = std::max(0, n_pause_ - 1);
}

} // namespace bllossom
