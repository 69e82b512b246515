// How much is guessed, and when: what pays. What is guessed, test-copy-tracker.cpp asks.

#include "check.h"
#include "prompt-lookup.h"

using namespace bllossom;

namespace {

using ids = std::vector<int32_t>;

constexpr int32_t n_vocab = 1000;

const ids same(100, 5);

size_t length(prompt_lookup & lookup, int32_t n_most = 100) {
    return lookup.guess(same, n_most, n_vocab).size();
}

void a_guess_is_as_long_as_it_may_be() {
    CHECK((prompt_lookup(3).guess({1, 2, 3, 4, 5, 1, 2}, 3, n_vocab) == ids{3, 4, 5}));
    CHECK((prompt_lookup(3).guess({1, 2, 3, 4, 5, 1, 2}, 1, n_vocab) == ids{3}));
    CHECK((prompt_lookup(2).guess({1, 2, 3, 4, 5, 1, 2}, 3, n_vocab) == ids{3, 4}));
    CHECK(prompt_lookup(3).guess(same, 0, n_vocab).empty() && prompt_lookup(3).guess(same, -1, n_vocab).empty());
    CHECK(prompt_lookup(0).guess(same, 3, n_vocab).empty());
}

void what_has_no_logit_is_never_guessed() {
    CHECK((prompt_lookup(3).guess({1, 2, 3, n_vocab, 4, 1, 2}, 3, n_vocab) == ids{3}));
    CHECK(prompt_lookup(3).guess({1, 2, n_vocab, 4, 1, 2}, 3, n_vocab).empty());
}

void guesses_grow_while_they_come_true_and_shrink_when_they_do_not() {
    prompt_lookup lookup(15);
    size_t last = length(lookup);
    CHECK(last == 4);
    for (int i = 0; i < 5; i++) {
        lookup.learn(int32_t(last), int32_t(last));
        CHECK(length(lookup) > last || last == 15);
        last = length(lookup);
    }
    CHECK(last == 15);
    while (last > 1) { // half of them is right
        lookup.learn(2, 1);
        CHECK(length(lookup) <= last);
        last = length(lookup);
    }
}

void what_is_all_wrong_pauses() {
    prompt_lookup lookup(15);
    const auto pause = [&] {
        int n = 0;
        for (; length(lookup) == 0; n++) {
            lookup.rest();
        }
        return n;
    };
    for (const int expected : {2, 4, 8, 16, 32, 32}) {
        lookup.learn(3, 0);
        CHECK(pause() == expected);
    }
    CHECK(length(lookup) == 1); // to find out
    lookup.learn(1, 1);
    CHECK(pause() == 0);
    lookup.learn(1, 0);
    CHECK(pause() == 2);
}

void the_copy_is_followed_while_guesses_pause() {
    prompt_lookup lookup(3);
    ids tokens = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2};
    CHECK((lookup.guess(tokens, 3, n_vocab) == ids{3, 4, 5}));
    lookup.learn(3, 0);
    for (const int32_t token : {9, 4, 5}) {
        tokens.push_back(token);
        CHECK(lookup.guess(tokens, 3, n_vocab).empty() == (token != 5));
        lookup.rest();
    }
    CHECK((lookup.guess(tokens, 3, n_vocab) == ids{6, 7}));
}

} // namespace

int main() {
    a_guess_is_as_long_as_it_may_be();
    what_has_no_logit_is_never_guessed();
    guesses_grow_while_they_come_true_and_shrink_when_they_do_not();
    what_is_all_wrong_pauses();
    the_copy_is_followed_while_guesses_pause();
    return check::summary();
}
