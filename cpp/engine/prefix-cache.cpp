#include "prefix-cache.h"

#include <algorithm>

namespace bllossom {

int32_t common_rows(const row_source & a, const row_source & b, const sight & rule) {
    const bool knows_all = std::none_of(a.images.begin(), a.images.end(), [](const auto & key) { return key.empty(); });
    if (rule.mode == row_mode::hf && !(knows_all && a.images == b.images)) {
        return 0;
    }
    // A file may give the image token a logit: then one that was generated stands without an image, in the end.
    const auto sees_same = [&](size_t image) {
        const bool a_has = image < a.images.size(), b_has = image < b.images.size();
        return a_has == b_has && (!a_has || (!a.images[image].empty() && a.images[image] == b.images[image]));
    };
    const size_t n  = std::min(a.tokens.size(), b.tokens.size());
    size_t n_images = 0, i = 0;
    for (; i < n && a.tokens[i] == b.tokens[i]; i++) {
        if (a.tokens[i] == rule.image_token && !sees_same(n_images++)) {
            break;
        }
    }
    return int32_t(i);
}

void prefix_cache::keep(row_source source, cell_list && cells) {
    source.tokens.resize(size_t(cells.size()));
    if (common_rows(source, source, rule_) == 0) { // nobody could ever find it
        return;
    }
    // What another entry holds as well is kept once: a conversation leaves the entry of its last turn.
    for (auto it = entries_.begin(); it != entries_.end();) {
        const int32_t n = common_rows(it->source, source, rule_);
        if (n == cells.size()) {
            entries_.splice(entries_.begin(), entries_, it);
            return;
        }
        it = n == it->cells.size() ? entries_.erase(it) : std::next(it);
    }
    entries_.push_front({std::move(source), std::move(cells)});
}

cell_list prefix_cache::find(const row_source & source, int32_t n_most) {
    int32_t n_best = 0;
    auto best      = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
        const int32_t n = std::min(common_rows(it->source, source, rule_), n_most);
        if (n > n_best) {
            n_best = n;
            best   = it;
        }
    }
    if (best == entries_.end()) {
        return {};
    }
    entries_.splice(entries_.begin(), entries_, best);
    return best->cells.share(n_best);
}

void prefix_cache::make_room(int64_t n_cells) {
    while (pool_.n_free() < n_cells && !entries_.empty()) {
        entries_.pop_back();
    }
}

void prefix_cache::drop_relatives(const cell_list & cells) {
    if (cells.size() > 0) { // what is shared is shared from the first position on
        entries_.remove_if([&](const entry & e) { return e.cells[0] == cells[0]; });
    }
}

} // namespace bllossom
