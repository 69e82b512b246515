#include "stop-text.h"

#include <algorithm>
#include <utility>

namespace bllossom {

/** Length of the longest end of `text` that is a beginning of `stop`. */
static size_t partial_match(const std::string & text, const std::string & stop) {
    for (size_t n = std::min(text.size(), stop.size() - 1); n > 0; n--) {
        if (text.compare(text.size() - n, n, stop, 0, n) == 0) {
            return n;
        }
    }
    return 0;
}

std::string stop_text::push(const std::string & piece) {
    if (found_) {
        return "";
    }
    held_ += piece;
    size_t first  = std::string::npos; // the earliest stop text
    size_t n_keep = 0;
    for (const std::string & stop : stops_) {
        first  = std::min(first, held_.find(stop));
        n_keep = std::max(n_keep, partial_match(held_, stop));
    }
    found_          = first != std::string::npos;
    const size_t n  = found_ ? first : held_.size() - n_keep;
    std::string out = held_.substr(0, n);
    held_           = found_ ? "" : held_.substr(n);
    return out;
}

std::string stop_text::finish() {
    return std::exchange(held_, "");
}

} // namespace bllossom
