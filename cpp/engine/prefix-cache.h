#pragma once
// What earlier requests left in the self cache: a conversation's next turn, or another question about the same
// document, begins with rows that were computed before. They stay until their cells are needed, the longest unused
// going first.

#include "cell-pool.h"
#include "cross-mask.h"

#include <cstdint>
#include <list>
#include <string>
#include <vector>

namespace bllossom {

/** What the keys and values of a sequence depend on. */
struct row_source {
    std::vector<int32_t> tokens;
    std::vector<std::string> images; // their keys, in the order of the image tokens; an empty one equals no other
};

/** How a model lets rows see images. */
struct sight {
    int32_t image_token = 0;
    row_mode mode       = row_mode::hf;
};

/**
 * How many rows, from the first on, are the same in both: equal tokens that see equal images. In row_mode::hf the rows
 * before the first image attend to all of them, so that one image more or less changes every row.
 */
int32_t common_rows(const row_source & a, const row_source & b, const sight & rule);

class prefix_cache {
  public:
    struct entry {
        row_source source;
        cell_list cells; // one for every token
    };

    prefix_cache(cell_pool & pool, const sight & rule) : pool_(pool), rule_(rule) {}

    /** Takes over rows that were computed: of the first cells.size() tokens of their source. */
    void keep(row_source source, cell_list && cells);

    /** The rows that a source can begin with, at most n_most, shared with the entry they are from. */
    cell_list find(const row_source & source, int32_t n_most);

    /** Gives up entries until so many cells are free, or none is left. */
    void make_room(int64_t n_cells);

    /** Drops the entries that share cells with a sequence. */
    void drop_relatives(const cell_list & cells);

    void clear() { entries_.clear(); }

    const sight & rule() const { return rule_; }
    const std::list<entry> & entries() const { return entries_; } // the last used one first

  private:
    cell_pool & pool_;
    sight rule_;
    std::list<entry> entries_;
};

} // namespace bllossom
