#pragma once
// Who has which cells of the self cache. A sequence has a list of them, one per position; sequences that begin alike
// may share the cells of their beginning. Pure; knows no ggml.

#include <cstdint>
#include <functional>
#include <vector>

namespace bllossom {

/** Cells that a graph attends to: [first, first + n). */
struct cell_range {
    int64_t first = 0;
    int64_t n     = 0;

    bool operator==(const cell_range & other) const { return first == other.first && n == other.n; }
};

/** The smallest range that holds both; a range of no cells adds nothing. */
cell_range cover(cell_range a, cell_range b);

/**
 * Where a sequence begins to lie. In a block of `cell_padding` that nobody uses it is attended to without the cells of
 * others, and its sums are rounded as they are at every other such place. Beside others, where the last cell was taken,
 * the cells that one batch attends to are fewer.
 */
enum class list_start { own_block, beside_others };

class cell_pool {
  public:
    using wipe_function = std::function<void(cell_range)>;

    /** wipe: overwrites cells with zeros. */
    cell_pool(int64_t n_cells, wipe_function wipe);
    cell_pool(const cell_pool &)             = delete; // lists point to it
    cell_pool & operator=(const cell_pool &) = delete;

    int64_t n_free() const { return n_free_; }

  private:
    friend class cell_list;

    struct cell {
        int32_t n_users = 0;
        bool is_trusted = true; // wiped otherwise when its last user goes: a mask hides numbers, but not NaN
    };

    int64_t take(int64_t last, list_start start);
    int64_t find_free(int64_t last, list_start start);
    void release(const int64_t * cells, int32_t n);
    void wipe(std::vector<int64_t> && cells) const;

    std::vector<cell> cells_;
    std::vector<int32_t> used_in_block_; // cells in use, of every cell_padding
    wipe_function wipe_;
    int64_t n_free_;
    int64_t lowest_free_ = 0; // no cell below is free
    int64_t next_        = 0; // after the one that was taken last
};

/** The cells of one sequence, by position. Gives them back when it goes; must not outlive the pool. */
class cell_list {
  public:
    /** Of no pool: empty, and cannot grow. */
    cell_list() = default;
    explicit cell_list(cell_pool & pool, list_start start = list_start::own_block) : pool_(&pool), start_(start) {}
    ~cell_list() { truncate(0); }
    cell_list(cell_list && other) noexcept;
    cell_list & operator=(cell_list && other) noexcept;

    int32_t size() const { return int32_t(cells_.size()); }
    int64_t operator[](int32_t pos) const { return cells_[size_t(pos)]; }

    /** Takes free cells for the next n positions, side by side if possible. The caller has checked n_free(). */
    void grow(int32_t n);

    /** Keeps the first n positions, at most. */
    void truncate(int32_t n);

    /** A list of the first n positions, which from then on belong to both. */
    cell_list share(int32_t n) const;

    /** What was written may hold NaN: the cells are wiped when nobody has them any more. */
    void distrust() const;

    /** The range that all of them lie in, its ends multiples of `cell_padding`; not empty, even when the list is. */
    cell_range range() const;

    /** One row of the causal mask, F16 bits [range.n]: 0 for the cells of positions <= pos, -infinity elsewhere. */
    void fill_mask_row(uint16_t * mask, cell_range range, int32_t pos) const;

  private:
    cell_pool * pool_ = nullptr;
    list_start start_ = list_start::own_block;
    std::vector<int64_t> cells_;
};

} // namespace bllossom
