// Which computed rows another prompt may begin with, and how long they stay.

#include "check.h"
#include "prefix-cache.h"

using namespace bllossom;

namespace {

constexpr int32_t image = 999;
constexpr sight hf{image, row_mode::hf}, meta{image, row_mode::meta};

using tokens = std::vector<int32_t>;
using keys   = std::vector<std::string>;

void equal_tokens_are_common_up_to_the_first_other_one() {
    for (const sight & rule : {hf, meta}) {
        CHECK(common_rows({{1, 2, 3}, {}}, {{1, 2, 4, 5}, {}}, rule) == 2);
        CHECK(common_rows({{1, 2, 3}, {}}, {{1, 2, 3, 4}, {}}, rule) == 3);
        CHECK(common_rows({{1, 2, 3}, {}}, {{2, 2, 3}, {}}, rule) == 0);
        CHECK(common_rows({{}, {}}, {{1}, {}}, rule) == 0);
    }
}

void equal_images_are_common() {
    for (const sight & rule : {hf, meta}) {
        CHECK(common_rows({{1, image, 2}, {"a"}}, {{1, image, 3}, {"a"}}, rule) == 2);
        CHECK(common_rows({{image, image, 2}, {"a", "b"}}, {{image, image, 2}, {"a", "b"}}, rule) == 3);
    }
}

void an_image_without_a_key_is_like_no_other() {
    CHECK(common_rows({{1, image, 2}, {""}}, {{1, image, 2}, {""}}, hf) == 0);
    CHECK(common_rows({{1, image, 2}, {""}}, {{1, image, 2}, {""}}, meta) == 1);
}

/** The rows before the first image attend to all images in mode hf. */
void another_image_changes_every_row_or_those_that_see_it() {
    const row_source one{{1, image, 2, 3}, {"a"}};
    CHECK(common_rows(one, {{1, image, 2, 3}, {"b"}}, hf) == 0);
    CHECK(common_rows(one, {{1, image, 2, 3}, {"b"}}, meta) == 1);
    CHECK(common_rows(one, {{1, image, 2, image}, {"a", "b"}}, hf) == 0);
    CHECK(common_rows(one, {{1, image, 2, image}, {"a", "b"}}, meta) == 3);
    CHECK(common_rows({{1, 2, 3}, {}}, {{1, 2, image}, {"a"}}, hf) == 0);
    CHECK(common_rows({{1, 2, 3}, {}}, {{1, 2, image}, {"a"}}, meta) == 2);
}

void an_image_token_that_was_generated_has_no_image() {
    for (const sight & rule : {hf, meta}) {
        CHECK(common_rows({{1, image, 2}, {}}, {{1, image, 2}, {}}, rule) == 3);
        CHECK(common_rows({{image, image, 2}, {"a"}}, {{image, image, 2}, {"a"}}, rule) == 3);
    }
    CHECK(common_rows({{1, image, 2}, {}}, {{1, image, 2}, {"a"}}, meta) == 1);
    CHECK(common_rows({{image, image, 2}, {"a", "b"}}, {{image, image, 2}, {"a"}}, meta) == 1);
}

struct fixture {
    cell_pool pool{64, [](cell_range) {}};
    prefix_cache cache{pool, hf};

    void keep(const row_source & source) {
        cell_list cells(pool);
        cells.grow(int32_t(source.tokens.size()));
        cache.keep(source, std::move(cells));
    }
    int32_t found(const tokens & wanted, const keys & images = {}) { return cache.find({wanted, images}, 1000).size(); }
};

void the_longest_beginning_is_found() {
    fixture f;
    f.keep({{1, 2, 3, 4}, {}});
    f.keep({{1, 2, 9}, {}});
    f.keep({{5, image, 6}, {"a"}});
    CHECK(f.found({1, 2, 3, 7}) == 3 && f.found({1, 2, 9, 9}) == 3 && f.found({1, 7}) == 1 && f.found({7}) == 0);
    CHECK(f.found({5, image, 6}, {"a"}) == 3 && f.found({5, image, 6}, {"b"}) == 0 && f.found({5, 6}) == 0);
    CHECK(f.cache.find({{1, 2, 3, 4}, {}}, 3).size() == 3);
    CHECK(f.pool.n_free() == 64 - 10);
}

void what_was_computed_of_the_source_is_kept_and_no_more() {
    fixture f;
    cell_list cells(f.pool);
    cells.grow(2);
    f.cache.keep({{1, 2, 3, 4}, {}}, std::move(cells));
    CHECK(f.found({1, 2, 3, 4}) == 2 && f.pool.n_free() == 62);
    f.cache.keep({{1, 2, 3}, {}}, cell_list(f.pool));
    CHECK(f.cache.entries().size() == 1);
}

void a_longer_entry_replaces_its_own_beginning() {
    fixture f;
    f.keep({{1, 2}, {}});
    f.keep({{1, 2, 3, 4}, {}});
    CHECK(f.cache.entries().size() == 1 && f.pool.n_free() == 60);
    f.keep({{1, 2, 3}, {}}); // is there already
    CHECK(f.cache.entries().size() == 1 && f.pool.n_free() == 60 && f.found({1, 2, 3, 4}) == 4);
    f.keep({{1, image}, {""}}); // could never be found
    CHECK(f.cache.entries().size() == 1 && f.pool.n_free() == 60);
}

void the_longest_unused_entry_makes_room() {
    fixture f;
    f.keep({{1, 1, 1}, {}});
    f.keep({{2, 2, 2}, {}});
    f.keep({{3, 3, 3}, {}});
    f.found({1, 1});
    f.cache.make_room(55); // is free
    CHECK(f.cache.entries().size() == 3);
    f.cache.make_room(56);
    CHECK(f.found({2}) == 0 && f.found({1}) == 1 && f.found({3}) == 1);
    f.cache.make_room(64);
    CHECK(f.cache.entries().size() == 0 && f.pool.n_free() == 64);
    f.cache.make_room(65); // there is no more
}

void cells_in_use_outlive_their_entry() {
    fixture f;
    f.keep({{1, 2, 3}, {}});
    const cell_list used = f.cache.find({{1, 2}, {}}, 10);
    f.cache.clear();
    CHECK(f.pool.n_free() == 62 && used.size() == 2);
}

void relatives_of_bad_rows_are_dropped() {
    fixture f;
    f.keep({{1, 2, 3}, {}});
    f.keep({{5, 6}, {}});
    const cell_list used = f.cache.find({{1, 2}, {}}, 10);
    f.cache.drop_relatives(used);
    CHECK(f.found({1}) == 0 && f.found({5}) == 1);
    f.cache.drop_relatives(cell_list());
    CHECK(f.cache.entries().size() == 1);
}

} // namespace

int main() {
    equal_tokens_are_common_up_to_the_first_other_one();
    equal_images_are_common();
    an_image_without_a_key_is_like_no_other();
    another_image_changes_every_row_or_those_that_see_it();
    an_image_token_that_was_generated_has_no_image();
    the_longest_beginning_is_found();
    what_was_computed_of_the_source_is_kept_and_no_more();
    a_longer_entry_replaces_its_own_beginning();
    the_longest_unused_entry_makes_room();
    cells_in_use_outlive_their_entry();
    relatives_of_bad_rows_are_dropped();
    return check::summary();
}
