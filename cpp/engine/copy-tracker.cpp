#include "copy-tracker.h"

#include <algorithm>

namespace bllossom {

using ids = copy_tracker::ids;

/** How many tokens before `end` are the last ones of the text, up to n_most. */
static size_t match_length(const ids & tokens, size_t end, size_t n_most) {
    size_t n = 0;
    while (n < n_most && n < end && tokens[end - 1 - n] == tokens[tokens.size() - 1 - n]) {
        n++;
    }
    return n;
}

std::optional<size_t> copy_tracker::find_source(const ids & tokens) {
    size_t best = 0, best_end = 0;
    for (size_t end = tokens.empty() ? 0 : tokens.size() - 1; end > 0 && best < max_match; end--) {
        const size_t n = match_length(tokens, end, max_match);
        if (n > best) {
            best     = n;
            best_end = end;
        }
    }
    return best >= min_match ? std::optional(best_end - 1) : std::nullopt;
}

void copy_tracker::follow(const ids & tokens) {
    for (size_t i = n_taken_ == 0 ? tokens.size() : n_taken_; i < tokens.size(); i++) {
        n_taken_ = i;
        take(tokens, tokens[i]);
    }
    n_taken_ = tokens.size();
    if (!source_) {
        source_ = find_source(tokens);
    }
}

/** Whether a token, at n_taken_, is the one that stands so much further at the source. */
bool copy_tracker::is_copied(const ids & tokens, int32_t token, size_t n_further) const {
    return *source_ + n_further < n_taken_ && token == tokens[*source_ + n_further];
}

void copy_tracker::take(const ids & tokens, int32_t token) {
    if (!source_) {
        return;
    }
    if (is_copied(tokens, token, 1)) {
        added_[tokens[*source_]] = std::move(since_);
        replaced_.erase(token);
        ++*source_;
    } else if (is_copied(tokens, token, 2)) {
        replaced_[tokens[*source_ + 1]] = std::move(since_);
        replaced_.erase(token);
        *source_ += 2;
    } else if (since_.size() < max_change) {
        since_.push_back(token);
        return;
    } else {
        source_.reset();
    }
    since_.clear();
}

static const ids * find(const std::unordered_map<int32_t, ids> & changes, int32_t token) {
    const auto found = changes.find(token);
    return found != changes.end() ? &found->second : nullptr;
}

static bool begins_with(const ids * change, const ids & begin) {
    return change != nullptr && begin.size() <= change->size() &&
           std::equal(begin.begin(), begin.end(), change->begin());
}

static void append(ids & to, const ids & from, size_t n_skipped = 0) {
    to.insert(to.end(), from.begin() + ptrdiff_t(n_skipped), from.end());
}

ids copy_tracker::next(const ids & tokens, size_t n) const {
    ids next;
    if (!source_) {
        return next;
    }
    size_t at            = *source_ + 1;
    const ids * added    = find(added_, tokens[*source_]);
    const ids * replaced = find(replaced_, tokens[at]);
    if (begins_with(added, since_)) {
        append(next, *added, since_.size());
    } else if (!since_.empty() && begins_with(replaced, since_)) {
        append(next, *replaced, since_.size());
        at++;
    } else if (!since_.empty()) {
        return next;
    }
    for (; next.size() < n && at < tokens.size() + next.size(); at++) {
        const int32_t token = at < tokens.size() ? tokens[at] : next[at - tokens.size()];
        replaced            = find(replaced_, token);
        added               = find(added_, token);
        append(next, replaced != nullptr ? *replaced : ids{token});
        if (replaced == nullptr && added != nullptr) {
            append(next, *added);
        }
    }
    next.resize(std::min(n, next.size()));
    return next;
}

} // namespace bllossom
