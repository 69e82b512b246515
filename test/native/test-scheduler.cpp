// The table of a request's states, its credit, and which rows a batch takes.

#include "check.h"
#include "error.h"
#include "gguf-file.h"
#include "scheduler.h"
#include "sequence.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"

#include <climits>
#include <functional>

using namespace bllossom;

namespace {

const vocab & words() {
    static const temp_dir dir;
    static const std::unique_ptr<vocab> v = [] {
        tiny::write_model(dir.file("tiny.gguf"), {});
        return std::make_unique<vocab>(gguf_file(dir.file("tiny.gguf")), 263, 263);
    }();
    return *v;
}

std::unique_ptr<sequence> make(int64_t credit = 100, int32_t n_prompt = 4, std::vector<std::string> stop = {}) {
    static uint32_t id = 0;
    generate_request request;
    request.credit = credit;
    request.stop   = std::move(stop);
    return std::make_unique<sequence>(++id, std::move(request), std::vector<int32_t>(size_t(n_prompt), 65), words(),
                                      std::make_shared<std::atomic<bool>>(false));
}

/** Moves a fresh sequence along the usual way to a state. */
std::unique_ptr<sequence> at(phase state, int64_t credit = 100, int32_t n_prompt = 4) {
    auto s = make(credit, n_prompt);
    for (const phase next : {phase::encoding, phase::prefill, phase::decoding, phase::parked}) {
        if (s->state() != state && state != phase::done) {
            s->move_to(next);
        }
    }
    if (state == phase::done) {
        s->move_to(phase::done);
    }
    CHECK(s->state() == state);
    return s;
}

void only_the_listed_moves_are_legal() {
    const std::vector<phase> all         = {phase::queued,   phase::encoding, phase::prefill,
                                            phase::decoding, phase::parked,   phase::done};
    const std::vector<std::string> legal = {
        // q e p d k D   from:
        ".#...#", // queued
        "..#..#", // encoding
        "...#.#", // prefill
        "....##", // decoding
        "...#.#", // parked
        "......"  // done
    };
    for (size_t from = 0; from < all.size(); from++) {
        for (size_t to = 0; to < all.size(); to++) {
            const auto s = at(all[from]);
            bool moved   = true;
            try {
                s->move_to(all[to]);
            } catch (const error & e) {
                moved = false;
                CHECK(e.code() == error_code::internal);
            }
            CHECK(moved == (legal[from][to] == '#'));
            CHECK(s->state() == (moved ? all[to] : all[from]));
        }
    }
}

void credit_parks_and_a_grant_resumes() {
    const auto s = at(phase::decoding, 2);
    s->spend_credit();
    CHECK(s->state() == phase::decoding);
    s->spend_credit();
    CHECK(s->state() == phase::parked);
    s->grant(0);
    s->grant(-5);
    s->grant(INT64_MIN);
    CHECK(s->state() == phase::parked);
    s->grant(1);
    CHECK(s->state() == phase::decoding);
    s->spend_credit();
    CHECK(s->state() == phase::parked);
}

void grants_add_up_without_overflow() {
    const auto s = at(phase::decoding, INT64_MAX);
    s->grant(INT64_MAX);
    s->grant(1);
    s->spend_credit();
    CHECK(s->state() == phase::decoding);

    const auto early = make(1); // granted before it runs
    early->grant(1);
    early->move_to(phase::encoding);
    early->move_to(phase::prefill);
    early->move_to(phase::decoding);
    early->spend_credit();
    CHECK(early->state() == phase::decoding);
    early->spend_credit();
    CHECK(early->state() == phase::parked);
}

void text_and_tokens_are_kept() {
    const auto s = make(100, 3, {"STOP"});
    CHECK(s->n_prompt() == 3 && s->n_generated() == 0 && s->generated().empty());
    CHECK(s->append(7, "a\xED\x95") == "a");
    CHECK(s->append(8, "\x9CST") == "한");
    CHECK(s->finish_text() == "ST" && !s->stop_text_found());
    CHECK((s->generated() == std::vector<int32_t>{7, 8}) && s->tokens().size() == 5);
    const auto stopped = make(100, 3, {"STOP"});
    CHECK(stopped->append(7, "xST") == "x" && stopped->append(8, "OPy").empty());
    CHECK(stopped->stop_text_found() && stopped->finish_text().empty());
}

void times_are_those_that_passed() {
    const auto s = make();
    CHECK(s->stats().queue_time == 0 && s->stats().first_token_time == 0 && s->stats().n_prompt == 4);
    s->move_to(phase::encoding);
    s->move_to(phase::prefill);
    s->move_to(phase::decoding);
    s->append(1, "a");
    s->append(2, "b");
    const generate_stats stats = s->stats();
    CHECK(stats.n_generated == 2 && stats.encode_time == 0); // no image
    CHECK(stats.queue_time > 0 && stats.prompt_time > 0 && stats.decode_time > 0);
    CHECK(stats.first_token_time >= stats.queue_time + stats.prompt_time);
}

// --- plan_batch ----------------------------------------------------------------------------------------------------

struct plan_entry {
    phase state;
    int32_t n_prompt;
    int32_t n_past;
};

/** "index:rows" of every share. */
std::string plan(const std::vector<plan_entry> & entries, int32_t n_batch) {
    std::vector<std::unique_ptr<sequence>> sequences;
    for (const plan_entry & entry : entries) {
        sequences.push_back(at(entry.state, 100, entry.n_prompt));
        sequences.back()->n_past = entry.n_past;
    }
    std::string text;
    for (const batch_share & share : plan_batch(sequences, n_batch)) {
        text += (text.empty() ? "" : " ") + std::to_string(share.index) + ":" + std::to_string(share.n_rows);
    }
    return text;
}

void decoding_comes_before_prompts() {
    const plan_entry prompt{phase::prefill, 10, 0}, running{phase::decoding, 6, 5};
    CHECK(plan({prompt, running}, 8) == "1:1 0:7");
    CHECK(plan({running, prompt, running, prompt}, 16) == "0:1 2:1 1:10 3:4");
    CHECK(plan({prompt, running, running}, 2) == "1:1 2:1");
    CHECK(plan({prompt, running, running}, 1) == "1:1");
    CHECK(plan({{phase::prefill, 10, 8}, prompt}, 512) == "0:2 1:10");
}

void only_what_can_run_takes_part() {
    CHECK(plan({}, 8).empty());
    CHECK(
        plan({{phase::queued, 4, 0}, {phase::encoding, 4, 0}, {phase::parked, 4, 3}, {phase::done, 4, 0}}, 8).empty());
    CHECK(plan({{phase::parked, 4, 3}, {phase::prefill, 4, 0}}, 8) == "1:4");
}

} // namespace

int main() {
    only_the_listed_moves_are_legal();
    credit_parks_and_a_grant_resumes();
    grants_add_up_without_overflow();
    text_and_tokens_are_kept();
    times_are_those_that_passed();
    decoding_comes_before_prompts();
    only_what_can_run_takes_part();
    return check::summary();
}
