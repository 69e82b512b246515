// From where a text copies, what it changes on the way, and that this is expected the next time.

#include "check.h"
#include "copy-tracker.h"

#include <algorithm>
#include <random>

using namespace bllossom;

namespace {

using ids = std::vector<int32_t>;

/** What is expected after the prompt and, token by token, the answer. */
ids next(const ids & prompt, const ids & answer, size_t n = 3) {
    copy_tracker copy;
    ids tokens = prompt;
    copy.follow(tokens);
    for (const int32_t token : answer) {
        tokens.push_back(token);
        copy.follow(tokens);
    }
    return copy.next(tokens, n);
}

void what_followed_before_comes_next() {
    CHECK((next({1, 2, 3, 4, 5, 1, 2}, {}) == ids{3, 4, 5}));
    CHECK((next({1, 2, 3, 4, 5, 1, 2}, {}, 1) == ids{3}));
    CHECK(next({1, 2, 3, 4, 5, 1, 2}, {}, 0).empty());
    CHECK((next({9, 1, 2, 3, 7, 7, 8, 1, 2, 4, 5, 6, 9, 1, 2}, {}) ==
           ids{3, 7, 7}));                                                   // agrees further back than the later place
    CHECK((next({1, 2, 3, 7, 7, 1, 2, 4, 5, 6, 1, 2}, {}) == ids{4, 5, 6})); // the later one of equals
}

void the_end_of_a_text_is_taken_to_repeat_itself() {
    CHECK((next({5, 5, 5}, {}) == ids{5, 5, 5}));
    CHECK((next({1, 2, 1, 2}, {}) == ids{1, 2, 1}));
    CHECK((next({1, 2, 1, 2}, {1, 2, 1}, 5) == ids{2, 1, 2, 1, 2}));
}

void nothing_is_expected_without_a_source() {
    CHECK(next({}, {}).empty() && next({1}, {}).empty() && next({1, 1}, {}).empty() && next({1, 2, 3, 4}, {}).empty());
    CHECK(next({1, 2, 9, 2}, {}).empty()); // one token agrees: that happens too easily
    CHECK(next({}, {1}).empty() && (next({}, {1, 2, 3, 1, 2}) == ids{3, 1, 2}));
}

/** 10: end of a line; 11: "- ". */
void a_change_is_expected_again() {
    const ids lines = {1, 2, 3, 10, 4, 5, 6, 10, 7, 8, 9};
    CHECK((next(lines, {1, 2}, 4) == ids{3, 10, 4, 5}));                   // nothing was changed yet
    CHECK(next(lines, {1, 2, 3, 10, 11}).empty());                         // a change begins: who knows how long it is
    CHECK((next(lines, {1, 2, 3, 10, 11, 4}, 5) == ids{5, 6, 10, 11, 7})); // inserted
    CHECK((next(lines, {1, 2, 3, 10, 11, 4, 5, 6, 10}, 3) == ids{11, 7, 8}));
    CHECK((next(lines, {1, 2, 3, 12, 11, 4}, 5) == ids{5, 6, 12, 11, 7}));        // replaced
    CHECK((next(lines, {1, 2, 3, 12, 11, 4, 5, 6, 12}, 3) == ids{11, 7, 8}));     // within a change that is known
    CHECK((next(lines, {1, 2, 3, 4}, 5) == ids{5, 6, 7, 8, 9}));                  // left out
    CHECK((next(lines, {1, 2, 12, 3, 10, 11, 4, 5, 6}, 4) == ids{10, 11, 7, 8})); // something before a token
}

void the_last_change_counts() {
    const ids lines = {1, 2, 3, 10, 4, 5, 10, 6, 7, 10, 8};
    CHECK((next(lines, {1, 2, 3, 11, 4, 5, 12, 6}, 3) == ids{7, 12, 8}));
    CHECK((next(lines, {1, 2, 3, 11, 4, 5, 10, 6}, 3) == ids{7, 10, 8})); // and none, when it was copied
    CHECK(next(lines, {1, 2, 3, 11, 4, 5, 12}).empty());                  // another one than before
}

void what_differs_for_long_is_no_copy() {
    const ids text   = {1, 2, 3, 4, 5, 6, 7};
    const auto after = [&](size_t n_changed) {
        ids answer = {1, 2};
        for (size_t i = 0; i < n_changed; i++) {
            answer.push_back(int32_t(100 + i));
        }
        answer.push_back(4);
        return next(text, answer, 2);
    };
    CHECK((after(16) == ids{5, 6}));
    CHECK(after(17).empty());
    CHECK((next(text, {1,   2,   100, 101, 102, 103, 104, 105, 106, 107, 108,
                       109, 110, 111, 112, 113, 114, 115, 116, 5,   6}) == ids{7, 1, 2})); // and is looked for anew
}

/** Whatever comes: it ends, and expects no token that the text does not hold. */
void random_texts_are_followed() {
    std::mt19937 random(1);
    for (int round = 0; round < 500; round++) {
        copy_tracker copy;
        ids tokens(random() % 10);
        const int32_t n_kinds = 1 + int32_t(random() % 6);
        for (int step = 0; step < 60; step++) {
            copy.follow(tokens);
            const size_t n = random() % 40;
            const ids next = copy.next(tokens, n);
            CHECK(next.size() <= n);
            for (const int32_t token : next) {
                CHECK(std::find(tokens.begin(), tokens.end(), token) != tokens.end());
            }
            const size_t n_true = next.empty() ? 0 : random() % (next.size() + 1);
            tokens.insert(tokens.end(), next.begin(), next.begin() + ptrdiff_t(n_true));
            tokens.push_back(int32_t(random()) % n_kinds);
        }
    }
}

} // namespace

int main() {
    what_followed_before_comes_next();
    the_end_of_a_text_is_taken_to_repeat_itself();
    nothing_is_expected_without_a_source();
    a_change_is_expected_again();
    the_last_change_counts();
    what_differs_for_long_is_no_copy();
    random_texts_are_followed();
    return check::summary();
}
