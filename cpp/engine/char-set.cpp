#include "char-set.h"

#include "utf8.h"

#include <algorithm>

namespace bllossom {

/** Sorted and apart: what overlaps or touches becomes one. */
static std::vector<char_range> merge(std::vector<char_range> ranges) {
    std::sort(ranges.begin(), ranges.end(),
              [](const char_range & a, const char_range & b) { return a.first < b.first; });
    std::vector<char_range> merged;
    for (const char_range & range : ranges) {
        if (!merged.empty() && range.first <= merged.back().last + 1) {
            merged.back().last = std::max(merged.back().last, range.last);
        } else {
            merged.push_back(range);
        }
    }
    return merged;
}

/** What lies between the ranges, from U+0000 to U+10FFFF. */
static std::vector<char_range> complement(const std::vector<char_range> & ranges) {
    std::vector<char_range> gaps;
    uint32_t next = 0;
    for (const char_range & range : ranges) {
        if (range.first > next) {
            gaps.push_back({next, range.first - 1});
        }
        next = range.last + 1;
    }
    if (next <= max_code_point) {
        gaps.push_back({next, max_code_point});
    }
    return gaps;
}

char_set::char_set(std::vector<char_range> ranges, bool negated) {
    constexpr char_range surrogates{0xD800, 0xDFFF};
    if (!negated) {
        ranges = complement(merge(std::move(ranges)));
    }
    ranges.push_back(surrogates);
    ranges_ = complement(merge(std::move(ranges)));
    fill_ascii();
}

char_set::char_set(uint32_t code) : ranges_{{code, code}} {
    fill_ascii();
}

void char_set::fill_ascii() {
    for (const char_range & range : ranges_) {
        for (uint32_t code = range.first; code <= std::min(range.last, 127u); code++) {
            ascii_[code] = true;
        }
    }
}

std::vector<char_range>::const_iterator char_set::at(uint32_t code) const {
    return std::lower_bound(ranges_.begin(), ranges_.end(), code,
                            [](const char_range & range, uint32_t value) { return range.last < value; });
}

bool char_set::contains(uint32_t code) const {
    return code < 128 ? ascii_[code] : intersects(code, code);
}

bool char_set::intersects(uint32_t first, uint32_t last) const {
    const auto range = at(first);
    return range != ranges_.end() && range->first <= last;
}

bool char_set::covers(uint32_t first, uint32_t last) const {
    const auto range = at(first);
    return range != ranges_.end() && range->first <= first && range->last >= last;
}

// --- bytes ---------------------------------------------------------------------------------------------------------

/** Whether any of the characters from first to last can be written; see can_finish_char. */
static bool can_write(uint32_t first, uint32_t last, int n_tail, const byte_set & bytes) {
    if (n_tail == 0) {
        return true;
    }
    const uint32_t size = 1u << (6 * (n_tail - 1)); // characters that share the first byte of the tail
    for (uint32_t block = first / size; block <= last / size; block++) {
        if (bytes[0x80 | (block & 0x3F)] &&
            can_write(std::max(first, block * size), std::min(last, block * size + size - 1), n_tail - 1, bytes)) {
            return true;
        }
    }
    return false;
}

bool can_finish_char(const char_set & set, uint32_t first, uint32_t last, int n_tail, const byte_set & bytes) {
    if (bytes.all() || n_tail == 0) {
        return set.intersects(first, last);
    }
    const auto & ranges = set.ranges();
    const auto from     = std::partition_point(ranges.begin(), ranges.end(),
                                               [&](const char_range & range) { return range.last < first; });
    return std::any_of(
        from, std::partition_point(from, ranges.end(), [&](const char_range & range) { return range.first <= last; }),
        [&](const char_range & range) {
            return can_write(std::max(first, range.first), std::min(last, range.last), n_tail, bytes);
        });
}

int least_bytes(const char_set & set, const byte_set & bytes) {
    if (set.is_empty()) {
        return 0;
    }
    if (bytes.all()) {
        const uint32_t smallest = set.ranges().front().first;
        return smallest < utf8_smallest[2] ? 1 : smallest < utf8_smallest[3] ? 2 : smallest < utf8_smallest[4] ? 3 : 4;
    }
    for (uint32_t lead = 0; lead < 256; lead++) {
        const int length = utf8_length(uint8_t(lead)); // grows with the lead
        if (length == 0 || !bytes[lead]) {
            continue;
        }
        const int n_tail     = length - 1;
        const uint32_t bits  = length == 1 ? lead : lead & (0x7Fu >> length);
        const uint32_t first = std::max(bits << (6 * n_tail), utf8_smallest[length]);
        const uint32_t last  = std::min(((bits + 1) << (6 * n_tail)) - 1, max_code_point);
        if (can_finish_char(set, first, last, n_tail, bytes)) {
            return length;
        }
    }
    return 0;
}

} // namespace bllossom
