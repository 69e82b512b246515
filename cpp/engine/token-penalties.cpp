#include "token-penalties.h"

namespace bllossom {

token_penalties::token_penalties(float repetition, float frequency, float presence, int32_t n_last)
    : repetition_(repetition), frequency_(frequency), presence_(presence),
      n_last_(repetition != 1.0f || frequency != 0.0f || presence != 0.0f ? std::size_t(n_last) : 0) {}

void token_penalties::accept(int32_t token) {
    if (n_last_ == 0) {
        return;
    }
    if (seen_.size() == n_last_) {
        const auto oldest = counts_.find(seen_.front());
        if (--oldest->second == 0) {
            counts_.erase(oldest);
        }
        seen_.pop_front();
    }
    seen_.push_back(token);
    counts_[token]++;
}

void token_penalties::apply(float * logits) const {
    for (const auto & [token, count] : counts_) {
        float & logit = logits[token];
        logit         = logit <= 0 ? logit * repetition_ : logit / repetition_; // less likely, whatever its sign
        logit -= float(count) * frequency_ + presence_;
    }
}

} // namespace bllossom
