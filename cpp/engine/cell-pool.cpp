#include "cell-pool.h"

#include "attention-mask.h"
#include "cache-type.h"

#include <algorithm>

namespace bllossom {

cell_range cover(cell_range a, cell_range b) {
    if (a.n == 0 || b.n == 0) {
        return a.n == 0 ? b : a;
    }
    const int64_t first = std::min(a.first, b.first);
    return {first, std::max(a.first + a.n, b.first + b.n) - first};
}

cell_pool::cell_pool(int64_t n_cells, wipe_function wipe)
    : cells_(size_t(n_cells)), used_in_block_(size_t(padded_cells(n_cells) / cell_padding)), wipe_(std::move(wipe)),
      n_free_(n_cells) {}

/** The cell after the last one; the first one of a list: see list_start. last: -1 for none */
int64_t cell_pool::find_free(int64_t last, list_start start) {
    const auto is_free = [this](int64_t i) { return i < int64_t(cells_.size()) && cells_[size_t(i)].n_users == 0; };
    if (last >= 0 && is_free(last + 1)) {
        return last + 1;
    }
    if (last < 0 && start == list_start::own_block) {
        const auto block = std::find(used_in_block_.begin(), used_in_block_.end(), 0);
        if (block != used_in_block_.end()) {
            return (block - used_in_block_.begin()) * cell_padding;
        }
    }
    if (is_free(next_)) {
        return next_;
    }
    while (!is_free(lowest_free_)) {
        lowest_free_++;
    }
    return lowest_free_;
}

int64_t cell_pool::take(int64_t last, list_start start) {
    const int64_t index           = find_free(last, start);
    cells_[size_t(index)].n_users = 1;
    used_in_block_[size_t(index / cell_padding)]++;
    n_free_--;
    next_ = index + 1;
    return index;
}

void cell_pool::release(const int64_t * cells, int32_t n) {
    std::vector<int64_t> to_wipe;
    for (int32_t i = 0; i < n; i++) {
        cell & c = cells_[size_t(cells[i])];
        if (--c.n_users > 0) {
            continue;
        }
        if (!c.is_trusted) {
            to_wipe.push_back(cells[i]);
            c.is_trusted = true;
        }
        used_in_block_[size_t(cells[i] / cell_padding)]--;
        n_free_++;
        lowest_free_ = std::min(lowest_free_, cells[i]);
    }
    wipe(std::move(to_wipe));
}

/** In runs: on a GPU every call is a command of its own, for every layer. */
void cell_pool::wipe(std::vector<int64_t> && cells) const {
    std::sort(cells.begin(), cells.end());
    for (size_t first = 0, end = 0; first < cells.size(); first = end) {
        while (end < cells.size() && cells[end] - cells[first] == int64_t(end - first)) {
            end++;
        }
        wipe_({cells[first], int64_t(end - first)});
    }
}

cell_list::cell_list(cell_list && other) noexcept
    : pool_(other.pool_), start_(other.start_), cells_(std::move(other.cells_)) {
    other.cells_.clear();
}

cell_list & cell_list::operator=(cell_list && other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(start_, other.start_);
    std::swap(cells_, other.cells_);
    other.truncate(0);
    return *this;
}

void cell_list::grow(int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        cells_.push_back(pool_->take(cells_.empty() ? -1 : cells_.back(), start_));
    }
}

void cell_list::truncate(int32_t n) {
    if (n < size()) {
        pool_->release(cells_.data() + n, size() - n);
        cells_.resize(size_t(n));
    }
}

cell_list cell_list::share(int32_t n) const {
    cell_list shared;
    shared.pool_ = pool_;
    shared.cells_.assign(cells_.begin(), cells_.begin() + n);
    for (const int64_t index : shared.cells_) {
        pool_->cells_[size_t(index)].n_users++;
    }
    return shared;
}

void cell_list::distrust() const {
    for (const int64_t index : cells_) {
        pool_->cells_[size_t(index)].is_trusted = false;
    }
}

cell_range cell_list::range() const {
    if (cells_.empty()) {
        return {0, cell_padding};
    }
    const auto [lowest, highest] = std::minmax_element(cells_.begin(), cells_.end());
    const int64_t first          = *lowest / cell_padding * cell_padding;
    return {first, padded_cells(*highest + 1) - first};
}

void cell_list::fill_mask_row(uint16_t * mask, cell_range range, int32_t pos) const {
    std::fill(mask, mask + range.n, mask_hide);
    for (int32_t i = 0; i <= pos; i++) {
        mask[cells_[size_t(i)] - range.first] = mask_attend;
    }
}

} // namespace bllossom
