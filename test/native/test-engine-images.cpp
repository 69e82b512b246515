// Images that are kept: encoded before anybody asks, never driven out, let go in every way.

#include "check.h"
#include "support/requests.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"

#include <chrono>
#include <random>
#include <thread>

using namespace bllossom;
using namespace tiny;

namespace {

const temp_dir dir;

engine_options with_slots(int32_t n_images) {
    return with([&](engine_options & o) { o.context.n_images = n_images; });
}

/** A request about images of these names, one letter each. */
generate_request about(const std::string & names, int32_t max_tokens = 2) {
    std::vector<image_input> images;
    for (const char name : names) {
        images.push_back(image_of(std::string(1, name)));
    }
    return request_of("x" + std::string(names.size(), '*') + "y", std::move(images), max_tokens);
}

int n_encoded(loaded & c, const std::string & names) {
    const event e = c.run(about(names));
    CHECK(e.type == event::kind::done);
    return e.stats.n_images_encoded;
}

/** A generation that holds its slots until it is granted credit. */
uint32_t park(loaded & c, const std::string & names) {
    auto request      = about(names, 24);
    request.credit    = 1;
    const uint32_t id = c.generate(request);
    c.pieces(id, 1);
    return id;
}

/** Keeps an image and returns its id. */
uint32_t keep(loaded & c, const std::string & name) {
    const uint32_t id = c.encode_image(image_of(name));
    CHECK(c.settled(id).type == event::kind::encoded);
    return id;
}

bool speaks_of_kept_images(const event & e) {
    return e.type == event::kind::error && e.code == error_code::context_full &&
           e.text.find("encodeImage") != std::string::npos;
}

void a_kept_image_costs_a_request_nothing() {
    loaded c;
    const event first = c.settled(c.encode_image(image_of("p")));
    CHECK(first.type == event::kind::encoded && first.value > 0);
    const event answer = c.run(about("p", 24));
    CHECK(answer.stats.n_images_encoded == 0 && answer.tokens == solo(about("p", 24)));
    CHECK(c.settled(c.encode_image(image_of("p"))).value == 0); // found

    CHECK(n_encoded(c, "q") == 1 && c.settled(c.encode_image(image_of("q"))).value == 0); // a request has encoded it
    CHECK(c.every_id_settled_once());
}

void a_kept_image_is_never_driven_out() {
    loaded c(with_slots(2));
    const uint32_t once = keep(c, "p"), twice = keep(c, "p");
    const auto others_pass = [&] {
        for (const char * name : {"q", "r", "s"}) {
            CHECK(n_encoded(c, name) == 1);
        }
        CHECK(c.code(c.clear_caches()) == "");
    };
    others_pass();
    CHECK(n_encoded(c, "p") == 0);
    CHECK(c.code(c.release_image(once)) == "");
    others_pass();
    CHECK(n_encoded(c, "p") == 0); // somebody else keeps it
    CHECK(c.code(c.release_image(twice)) == "");
    CHECK(n_encoded(c, "p") == 0); // still there, as every image that was used
    others_pass();
    CHECK(n_encoded(c, "p") == 1);
}

void an_image_that_many_want_at_once_is_encoded_once() {
    loaded c;
    std::vector<uint32_t> kept, asked;
    for (int i = 0; i < 3; i++) {
        kept.push_back(c.encode_image(image_of("p")));
        asked.push_back(c.generate(about("p")));
    }
    int n = 0;
    for (size_t i = 0; i < kept.size(); i++) {
        n += (c.settled(kept[i]).value > 0) + c.settled(asked[i]).stats.n_images_encoded;
        CHECK(c.code(kept[i]) == "" && c.code(asked[i]) == "");
    }
    CHECK(n == 1);
}

void what_kept_images_leave_no_room_for_is_refused() {
    loaded c(with_slots(2));
    const uint32_t p = keep(c, "p"), q = keep(c, "q");
    CHECK(n_encoded(c, "pq") == 0 && n_encoded(c, "q") == 0 && c.code(c.generate(about(""))) == "");
    CHECK(speaks_of_kept_images(c.run(about("r"))));
    CHECK(speaks_of_kept_images(c.run(about("pr"))));
    CHECK(speaks_of_kept_images(c.run(about("pp")))); // equal images of one request have slots of their own
    CHECK(speaks_of_kept_images(c.settled(c.encode_image(image_of("r")))));
    CHECK(speaks_of_kept_images(c.settled(c.evaluate({prompt_of("a*b"), {image_of("p")}, 0}))));
    CHECK(c.code(c.release_image(p)) == "");
    CHECK(n_encoded(c, "r") == 1 && n_encoded(c, "qr") == 0);
    CHECK(c.code(c.evaluate({prompt_of("a*b"), {image_of("p")}, 0})) == "");
    CHECK(c.code(c.release_image(q)) == "" && n_encoded(c, "pr") == 2);
    CHECK(c.every_id_settled_once());
}

void slots_are_given_out_first_come_first_served() {
    loaded c(with_slots(1));
    const uint32_t parked = park(c, "p");
    const uint32_t before = c.generate(about("r"));
    const uint32_t kept   = c.encode_image(image_of("q"));
    const uint32_t after  = c.generate(about("s"));
    CHECK(c.said(before).empty() && c.said(kept).empty() && c.said(after).empty());
    c.get().grant(parked, plenty);
    CHECK(c.code(parked) == "" && c.code(before) == "" && c.settled(kept).value > 0);
    CHECK(speaks_of_kept_images(c.settled(after)));
    CHECK(n_encoded(c, "q") == 0);
}

void an_image_does_not_overtake_a_request_that_needs_more_room() {
    loaded c(with_slots(2));
    const uint32_t parked = park(c, "p");
    const uint32_t before = c.generate(about("rs"));
    const uint32_t kept   = c.encode_image(image_of("q")); // there is a slot for it, but then never two for the other
    CHECK(c.code(c.release_image(kept)) == "" && c.said(kept).empty());
    c.get().grant(parked, plenty);
    CHECK(c.code(before) == "" && c.settled(kept).value > 0);
}

void requests_without_images_do_not_wait_for_slots_of_others() {
    loaded c(with_slots(1));
    const uint32_t parked = park(c, "p");
    const uint32_t kept   = c.encode_image(image_of("q"));
    CHECK(c.code(c.generate(about(""))) == "" && c.said(kept).empty());
    c.get().grant(parked, plenty);
    CHECK(c.code(kept) == "");
}

void answers_and_images_take_turns() {
    constexpr int32_t n_images = 6;
    loaded c(with_slots(n_images));
    auto request          = about("", 900);
    request.credit        = 1;
    const uint32_t answer = c.generate(request);
    c.pieces(answer, 1);
    const uint32_t busy = c.evaluate({long_prompt(100).prompt, {}, 1}); // all that comes is in the queue when it ends
    std::vector<uint32_t> kept;
    for (int32_t i = 0; i < n_images; i++) {
        kept.push_back(c.encode_image(image_of("image " + std::to_string(i))));
    }
    c.get().grant(answer, plenty);
    CHECK(c.code(busy) == "" && c.code(kept.back()) == "");
    const auto said = c.said(answer);
    CHECK(said.size() >= size_t(n_images) && !said.back().is_final());
    c.get().cancel(answer);
    CHECK(c.code(answer) == "ERR_CANCELLED");
}

void an_image_is_let_go_once() {
    loaded c(with_slots(1));
    CHECK(c.code(c.release_image(77)) == ""); // never was one
    const uint32_t p      = keep(c, "p");
    const uint32_t parked = park(c, "p");
    CHECK(c.code(c.release_image(p)) == "" && c.code(c.release_image(p)) == "");
    const uint32_t next = c.encode_image(image_of("q")); // waits: the answer still reads it
    CHECK(c.code(c.generate(about(""))) == "" && c.said(next).empty());
    c.get().grant(parked, plenty);
    CHECK(c.settled(parked).tokens == solo(about("p", 24)));
    CHECK(c.settled(next).value > 0);
}

void cancelling_leaves_nothing_behind() {
    tiny::model_options big;
    big.image_size     = 280; // 401 rows per tile: an encode takes a while
    big.n_layer_vision = 8;
    tiny::write_model(dir.file("big.gguf"), big);
    auto options             = options_for(dir.file("big.gguf"));
    options.context.n_images = 1;
    loaded c(options);
    const auto image       = image_of("p", 6, 280);
    const uint32_t running = c.encode_image(image), waiting = c.encode_image(image_of("q", 6, 280));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    c.get().cancel(waiting);
    c.get().cancel(running);
    CHECK(c.code(running) == "ERR_CANCELLED" && c.code(waiting) == "ERR_CANCELLED");
    const uint32_t again = c.encode_image(image);
    CHECK(c.settled(again).value > 0); // what was broken off is not taken for kept
    c.get().cancel(again);             // too late
    CHECK(c.run(request_of("x*y", {image}, 2)).stats.n_images_encoded == 0);
    CHECK(speaks_of_kept_images(c.run(request_of("x*y", {image_of("q", 6, 280)}, 2))));
    CHECK(c.every_id_settled_once());
}

void whoever_gives_up_leaves_the_work_to_the_others() {
    loaded c(with_slots(1));
    const uint32_t parked = park(c, "p");
    const uint32_t first = c.encode_image(image_of("q")), second = c.encode_image(image_of("q"));
    c.get().cancel(first);
    CHECK(c.code(first) == "ERR_CANCELLED" && c.said(second).empty());
    c.get().cancel(parked);
    CHECK(c.settled(second).value > 0);
}

void kept_images_end_with_the_model() {
    loaded c(with_slots(1));
    const uint32_t p      = keep(c, "p");
    const uint32_t parked = park(c, "p");
    const uint32_t open   = c.encode_image(image_of("p"));
    CHECK(c.code(open) == "");
    CHECK(c.code(c.unload()) == "" && c.code(parked) == "ERR_CLOSED");
    CHECK(c.code(c.encode_image(image_of("p"))) == "ERR_NOT_LOADED" && c.code(c.release_image(p)) == "");
    CHECK(c.code(c.load(with_slots(1))) == "");
    CHECK(n_encoded(c, "q") == 1 && n_encoded(c, "p") == 1); // nothing is kept
    CHECK(c.code(c.release_image(p)) == "");

    const uint32_t held = park(c, "p"), waiting = c.encode_image(image_of("q"));
    CHECK(c.code(c.unload()) == "" && c.code(waiting) == "ERR_CLOSED" && c.code(held) == "ERR_CLOSED");
    c.get().request_close();
    CHECK(c.code(c.encode_image(image_of("p"))) == "ERR_CLOSED" && c.code(c.release_image(p)) == "ERR_CLOSED");
    CHECK(c.every_id_settled_once());
}

void wrong_images_are_refused() {
    loaded c(with_slots(1));
    const auto code = [&](const std::function<void(image_input &)> & change) {
        image_input image = image_of("p");
        change(image);
        return c.code(c.encode_image(image));
    };
    CHECK(code([](auto & i) { i.tiles.pop_back(); }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & i) { i.tiles.clear(); }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & i) { i.n_tiles = 0; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & i) { i.aspect_ratio_id = 9; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & i) { i.key.clear(); }) == "ERR_INVALID_OPTION");
    CHECK(n_encoded(c, "q") == 1 && c.every_id_settled_once());
}

void in_any_order_everything_settles_and_answers_stay_the_same() {
    std::mt19937 random(11);
    loaded c(with_slots(3));
    const std::vector<image_input> images{image_of("p"), image_of("q", 1), image_of("r", 1), image_of("s")};
    std::vector<ids> wanted;
    for (const auto & request : mixed_requests()) {
        wanted.push_back(solo(request));
    }
    std::vector<uint32_t> kept;
    for (int round = 0; round < 40; round++) {
        std::vector<std::pair<uint32_t, size_t>> asked;
        for (int i = 0; i < 8; i++) {
            switch (random() % 4) {
            case 0:
                kept.push_back(c.encode_image(images[random() % images.size()]));
                break;
            case 1:
                if (!kept.empty()) {
                    const size_t which = random() % kept.size();
                    random() % 2 ? c.get().cancel(kept[which]) : void(c.release_image(kept[which]));
                }
                break;
            default:
                asked.emplace_back(0, random() % wanted.size());
                asked.back().first = c.generate(mixed_requests()[asked.back().second]);
            }
        }
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 4000));
        for (const auto & [id, which] : asked) {
            const event e = c.settled(id);
            CHECK(e.type == event::kind::done ? e.tokens == wanted[which] : speaks_of_kept_images(e));
        }
        if (round % 4 == 3) {
            for (const uint32_t id : kept) {
                const std::string code = c.code(id);
                CHECK(code == "" || code == "ERR_CANCELLED" || code == "ERR_CONTEXT_FULL");
                CHECK(c.code(c.release_image(id)) == "");
            }
            kept.clear();
            CHECK(c.code(c.generate(about("abc"))) == ""); // every slot is free
        }
    }
    CHECK(c.every_id_settled_once());
}

} // namespace

int main() {
    a_kept_image_costs_a_request_nothing();
    a_kept_image_is_never_driven_out();
    an_image_that_many_want_at_once_is_encoded_once();
    what_kept_images_leave_no_room_for_is_refused();
    slots_are_given_out_first_come_first_served();
    an_image_does_not_overtake_a_request_that_needs_more_room();
    requests_without_images_do_not_wait_for_slots_of_others();
    answers_and_images_take_turns();
    an_image_is_let_go_once();
    cancelling_leaves_nothing_behind();
    whoever_gives_up_leaves_the_work_to_the_others();
    kept_images_end_with_the_model();
    wrong_images_are_refused();
    in_any_order_everything_settles_and_answers_stay_the_same();
    return check::summary();
}
