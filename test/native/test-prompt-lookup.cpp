// Guesses from what a text already said: where they come from, how long they are, and when there are none.

#include "check.h"
#include "prompt-lookup.h"

#include <random>

using namespace bllossom;

namespace {

using ids = std::vector<int32_t>;

constexpr int32_t n_vocab = 1000;

ids guess(const ids & tokens, int32_t n_most = 3, int32_t n_max = 3) {
    return prompt_lookup(n_max).guess(tokens, n_most, n_vocab);
}

void a_guess_is_what_followed_before() {
    CHECK((guess({1, 2, 3, 4, 5, 1, 2}) == ids{3, 4, 5}));
    CHECK((guess({1, 2, 3, 4, 5, 1, 2}, 1) == ids{3}));
    CHECK((guess({9, 1, 2, 3, 7, 7, 8, 1, 2, 4, 5, 6, 9, 1, 2}) ==
           ids{3, 7, 7}));                                                // agrees further back than the later place
    CHECK((guess({1, 2, 3, 7, 7, 1, 2, 4, 5, 6, 1, 2}) == ids{4, 5, 6})); // the later one of equals
}

void the_end_of_a_text_is_taken_to_repeat_itself() {
    CHECK((guess({5, 5, 5}) == ids{5, 5, 5}));
    CHECK((guess({1, 2, 1, 2}) == ids{1, 2, 1}));
}

void there_is_none_without_a_place() {
    CHECK(guess({}).empty() && guess({1}).empty() && guess({1, 1}).empty() && guess({1, 2, 3, 4}).empty());
    CHECK(guess({1, 2, 9, 2}).empty()); // one token agrees: that happens too easily
    CHECK(guess({5, 5, 5}, 0).empty() && guess({5, 5, 5}, -1).empty() && guess({5, 5, 5}, 3, 0).empty());
}

void what_has_no_logit_is_never_guessed() {
    CHECK((guess({1, 2, 3, n_vocab, 4, 1, 2}) == ids{3}));
    CHECK(guess({1, 2, n_vocab, 4, 1, 2}).empty());
}

void guesses_grow_while_they_come_true_and_pause_when_they_do_not() {
    const ids same(100, 5);
    const auto length = [&](const prompt_lookup & lookup) { return lookup.guess(same, 100, n_vocab).size(); };
    prompt_lookup lookup(15);
    CHECK(length(lookup) == 3);
    lookup.learn(3, 3);
    CHECK(length(lookup) == 7);
    lookup.learn(7, 7);
    CHECK(length(lookup) == 15);
    lookup.learn(15, 15);
    CHECK(length(lookup) == 15);
    lookup.learn(15, 9);
    CHECK(length(lookup) == 9);
    lookup.learn(9, 1);
    CHECK(length(lookup) == 3);

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
    lookup.learn(3, 1);
    lookup.learn(3, 0);
    CHECK(pause() == 2);

    prompt_lookup shorter(2);
    CHECK(length(shorter) == 2);
    shorter.learn(2, 2);
    CHECK(length(shorter) == 2);
}

/** Against the definition, place by place. */
void random_texts_give_the_best_place() {
    std::mt19937 random(1);
    for (int round = 0; round < 2000; round++) {
        ids tokens(random() % 40);
        for (int32_t & token : tokens) {
            token = int32_t(random() % 3);
        }
        size_t best = 1, best_end = 0;
        for (size_t end = 1; end < tokens.size(); end++) {
            size_t n = 0;
            while (n < 4 && n < end && tokens[end - 1 - n] == tokens[tokens.size() - 1 - n]) {
                n++;
            }
            if (n >= best) {
                best     = n;
                best_end = end;
            }
        }
        const ids next = guess(tokens);
        CHECK(next.empty() == (best < 2));
        for (size_t i = 0; i < next.size(); i++) {
            tokens.push_back(next[i]);
            CHECK(next[i] == tokens[best_end + i]);
        }
    }
}

} // namespace

int main() {
    a_guess_is_what_followed_before();
    the_end_of_a_text_is_taken_to_repeat_itself();
    there_is_none_without_a_place();
    what_has_no_logit_is_never_guessed();
    guesses_grow_while_they_come_true_and_pause_when_they_do_not();
    random_texts_give_the_best_place();
    return check::summary();
}
