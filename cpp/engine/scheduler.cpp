#include "scheduler.h"

#include <algorithm>

namespace bllossom {

std::vector<batch_share> plan_batch(const std::vector<std::unique_ptr<sequence>> & sequences, int32_t n_batch) {
    std::vector<batch_share> shares;
    int32_t n_left = n_batch;
    for (const phase wanted : {phase::decoding, phase::prefill}) {
        for (size_t i = 0; i < sequences.size() && n_left > 0; i++) {
            const sequence & s = *sequences[i];
            if (s.state() == wanted && !s.is_waiting) {
                const int32_t n_open = int32_t(s.tokens().size() + s.guess.size()) - s.n_past;
                const int32_t n_rows = std::min(n_left, n_open);
                shares.push_back({i, n_rows});
                n_left -= n_rows;
            }
        }
    }
    return shares;
}

} // namespace bllossom
