// The cells of the self cache: who has which, what a mask shows of them, and when they are wiped.

#include "attention-mask.h"
#include "cell-pool.h"
#include "check.h"

#include <algorithm>
#include <random>

using namespace bllossom;

namespace {

using cells = std::vector<int64_t>;

cell_list list_of(cell_pool & pool, int32_t n) {
    cell_list list(pool);
    list.grow(n);
    return list;
}

cells all(const cell_list & list) {
    cells result;
    for (int32_t pos = 0; pos < list.size(); pos++) {
        result.push_back(list[pos]);
    }
    return result;
}

/** The cells that a mask row shows. */
cells shown(const cell_list & list, cell_range range, int32_t pos) {
    std::vector<uint16_t> mask(size_t(range.n), 0x1234);
    list.fill_mask_row(mask.data(), range, pos);
    cells result;
    for (size_t i = 0; i < mask.size(); i++) {
        CHECK(mask[i] == mask_attend || mask[i] == mask_hide);
        if (mask[i] == mask_attend) {
            result.push_back(range.first + int64_t(i));
        }
    }
    return result;
}

void nothing(cell_range) {}

void a_list_lies_in_blocks_of_its_own_and_is_given_back() {
    cell_pool pool(768, nothing);
    cell_list a = list_of(pool, 3), b = list_of(pool, 2);
    a.grow(1);
    CHECK((all(a) == cells{0, 1, 2, 3}) && (all(b) == cells{256, 257}) && pool.n_free() == 762);
    a.truncate(2);
    a.truncate(9); // shortens, or does nothing
    CHECK((all(a) == cells{0, 1}) && pool.n_free() == 764);
    a.grow(1);
    CHECK((all(a) == cells{0, 1, 2}));
    b = cell_list();
    CHECK(pool.n_free() == 765 && b.size() == 0 && list_of(pool, 1)[0] == 256);
    const cell_list moved = std::move(a);
    CHECK(a.size() == 0 && (all(moved) == cells{0, 1, 2}) && pool.n_free() == 765);
}

void without_a_free_block_other_free_cells_are_taken() {
    cell_pool pool(512, nothing);
    cell_list a = list_of(pool, 255), b = list_of(pool, 2), c = list_of(pool, 1);
    CHECK(a[254] == 254 && b[0] == 256 && c[0] == 258); // after the one that was taken last
    a.grow(2);                                          // its neighbour, then again after that one
    CHECK(a[255] == 255 && a[256] == 259);
    b.grow(1);
    c.grow(1);
    CHECK(b[2] == 260 && c[1] == 261);
    a.truncate(10);
    c.grow(251); // up to the end, then the lowest ones
    CHECK(c[251] == 511 && c[252] == 10);
    CHECK(list_of(pool, 1)[0] < 256);
}

void lists_beside_others_lie_densely() {
    cell_pool pool(4096, nothing);
    std::vector<cell_list> lists;
    for (int i = 0; i < 8; i++) {
        lists.emplace_back(pool, i == 0 ? list_start::own_block : list_start::beside_others);
        lists.back().grow(10);
    }
    for (int step = 0; step < 100; step++) {
        for (cell_list & list : lists) {
            list.grow(1);
        }
    }
    cell_range all_of_them = lists[0].range();
    for (const cell_list & list : lists) {
        all_of_them = cover(all_of_them, list.range());
    }
    CHECK((all_of_them == cell_range{0, 1024})); // 880 cells
}

void a_row_sees_the_cells_up_to_its_position() {
    cell_pool pool(1024, nothing);
    const cell_list first  = list_of(pool, 300);
    cell_list second       = list_of(pool, 2);
    const cell_range range = second.range();
    CHECK((range == cell_range{512, 256}) && (first.range() == cell_range{0, 512}));
    CHECK((shown(second, range, 0) == cells{512}) && (shown(second, range, 1) == cells{512, 513}));
    CHECK((shown(second, {0, 1024}, 1) == cells{512, 513}));
    CHECK((cell_list().range() == cell_range{0, 256}));
    CHECK((cover(first.range(), range) == cell_range{0, 768}));
    CHECK((cover({256, 256}, {1024, 256}) == cell_range{256, 1024}) && (cover({}, range) == range));
    CHECK((cover(range, {}) == range));
}

void shared_cells_are_free_when_the_last_list_lets_go() {
    cell_pool pool(512, nothing);
    cell_list a = list_of(pool, 10);
    cell_list b = a.share(4);
    b.grow(2);
    CHECK((all(b) == cells{0, 1, 2, 3, 10, 11}) && pool.n_free() == 500);
    a.truncate(0);
    CHECK(pool.n_free() == 506);
    cell_list c = b.share(6);
    b.truncate(0);
    CHECK(pool.n_free() == 506);
    c.truncate(0);
    CHECK(pool.n_free() == 512);
}

void distrusted_cells_are_wiped_in_runs_by_the_last_that_has_them() {
    std::vector<cell_range> wiped;
    cell_pool pool(256, [&](cell_range range) { wiped.push_back(range); });
    cell_list a = list_of(pool, 3), other = list_of(pool, 1);
    a.grow(2); // 0 1 2, 4 5
    cell_list b = a.share(2);
    a.distrust();
    a.truncate(0);
    CHECK((wiped == std::vector<cell_range>{{2, 1}, {4, 2}}));
    b.truncate(0);
    other.truncate(0);
    CHECK((wiped == std::vector<cell_range>{{2, 1}, {4, 2}, {0, 2}}));
    list_of(pool, 9).truncate(0); // wiped once is enough
    CHECK(wiped.size() == 3);
}

void a_full_pool_serves_every_cell_once() {
    std::mt19937 random(1);
    cell_pool pool(64, nothing);
    std::vector<cell_list> lists;
    for (int round = 0; round < 2000; round++) {
        if (random() % 3 == 0 && !lists.empty()) {
            lists.erase(lists.begin() + long(random() % lists.size()));
        } else if (random() % 3 == 0 && !lists.empty()) {
            const cell_list & from = lists[random() % lists.size()];
            lists.push_back(from.share(int32_t(random() % uint32_t(from.size() + 1))));
        } else if (pool.n_free() > 0) {
            lists.push_back(list_of(pool, int32_t(1 + random() % uint32_t(pool.n_free()))));
        }
        std::vector<bool> used(64);
        for (const cell_list & list : lists) {
            std::vector<bool> own(64);
            for (const int64_t cell : all(list)) {
                CHECK(!own[size_t(cell)]);
                own[size_t(cell)] = used[size_t(cell)] = true;
            }
        }
        CHECK(std::count(used.begin(), used.end(), false) == pool.n_free());
    }
}

} // namespace

int main() {
    a_list_lies_in_blocks_of_its_own_and_is_given_back();
    without_a_free_block_other_free_cells_are_taken();
    lists_beside_others_lie_densely();
    a_row_sees_the_cells_up_to_its_position();
    shared_cells_are_free_when_the_last_list_lets_go();
    distrusted_cells_are_wiped_in_runs_by_the_last_that_has_them();
    a_full_pool_serves_every_cell_once();
    return check::summary();
}
