#pragma once
// A set of Unicode characters, as the classes of a grammar write it. Surrogates are in no set.

#include <array>
#include <bitset>
#include <cstdint>
#include <vector>

namespace bllossom {

struct char_range {
    uint32_t first, last; // both included
};

class char_set {
  public:
    /** negated: every character that is in none of the ranges. The ranges may overlap and come in any order. */
    char_set(std::vector<char_range> ranges, bool negated);

    /** One character. */
    explicit char_set(uint32_t code);

    bool is_empty() const { return ranges_.empty(); }
    bool contains(uint32_t code) const;

    /** Whether a character from first to last is in the set; whether all of them are. */
    bool intersects(uint32_t first, uint32_t last) const;
    bool covers(uint32_t first, uint32_t last) const;

    /** Sorted, apart from each other. */
    const std::vector<char_range> & ranges() const { return ranges_; }

  private:
    void fill_ascii();

    /** The first range that does not end before a character. */
    std::vector<char_range>::const_iterator at(uint32_t code) const;

    std::vector<char_range> ranges_;
    std::bitset<128> ascii_;
};

/** Bytes that a vocabulary can write one by one. */
using byte_set = std::bitset<256>;

/**
 * Whether some character of the set, from first to last, can be written with these bytes. All those characters have the
 * same bytes up to the last n_tail; only the tail counts.
 */
bool can_finish_char(const char_set & set, uint32_t first, uint32_t last, int n_tail, const byte_set & bytes);

/** The least number of bytes that write a character of the set; 0 when none can be written. */
int least_bytes(const char_set & set, const byte_set & bytes);

} // namespace bllossom
