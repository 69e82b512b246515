// The engine from outside: every request settles once, nobody disturbs anybody, and no limit is a crash.

#include "check.h"
#include "gguf-file.h"
#include "support/client.h"
#include "support/gguf-image.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

using namespace bllossom;
using tiny::client;

namespace {

const temp_dir dir;

constexpr int64_t plenty    = INT64_MAX; // credit
constexpr int32_t id_image  = 263;       // of the tiny vocabulary
constexpr int32_t tile_side = 28;

std::string model_path() {
    static const std::string path = [] {
        tiny::write_model(dir.file("tiny.gguf"), {});
        return dir.file("tiny.gguf");
    }();
    return path;
}

engine_options options_for(const std::string & path = model_path()) {
    engine_options options;
    options.path            = path;
    options.device          = "cpu";
    options.n_threads       = 1; // threads that wait for each other by spinning starve on a busy machine
    options.context.kv_type = cache_type::f32;
    options.context.n_ctx   = 1024;
    return options;
}

engine_options with(const std::function<void(engine_options &)> & change) {
    engine_options options = options_for();
    change(options);
    return options;
}

using ids = std::vector<int32_t>;

/** An image of random pixels; equal names are equal images. 1: one tile, 6: 2 x 2. */
image_input image_of(const std::string & name, int32_t aspect_ratio_id = 6, int32_t side = tile_side) {
    std::mt19937 random(uint32_t(std::hash<std::string>{}(name)));
    image_input image;
    image.aspect_ratio_id = aspect_ratio_id;
    image.n_tiles         = aspect_ratio_id == 1 ? 1 : 4;
    image.key             = name;
    image.tiles.resize(size_t(image.n_tiles) * size_t(side * side * 3));
    for (uint8_t & value : image.tiles) {
        value = uint8_t(random());
    }
    return image;
}

/** "ab<i>cd": text with a place for an image where `*` stands. */
std::vector<prompt_part> prompt_of(const std::string & text) {
    std::vector<prompt_part> parts;
    prompt_part part;
    for (const char c : text) {
        if (c == '*') {
            parts.push_back(part);
            parts.push_back({prompt_part::kind::special, "<|image|>", {}});
            part = {};
        } else {
            part.text += c;
        }
    }
    parts.push_back(part);
    return parts;
}

generate_request request_of(const std::string & text, std::vector<image_input> images = {}, int32_t max_tokens = 24) {
    generate_request request;
    request.prompt     = prompt_of(text);
    request.images     = std::move(images);
    request.max_tokens = max_tokens;
    request.ignore_eos = true;
    request.credit     = plenty;
    return request;
}

generate_request long_prompt(size_t n, int32_t max_tokens = 8) {
    return request_of(std::string(n, 'a'), {}, max_tokens);
}

/** A client with a loaded model. */
struct loaded : client {
    explicit loaded(const engine_options & options = options_for(), std::function<void(engine &)> on_wake = nullptr)
        : client(std::move(on_wake)) {
        const event e = settled(load(options));
        CHECK(e.type == event::kind::loaded);
        if (e.type == event::kind::error) {
            std::fprintf(stderr, "%s\n", e.text.c_str());
        }
    }
    event run(const generate_request & request) { return settled(generate(request)); }
    ids tokens(const generate_request & request) { return run(request).tokens; }
};

ids solo(const generate_request & request, const engine_options & options = options_for()) {
    loaded alone(options);
    const event e = alone.run(request);
    CHECK(e.type == event::kind::done && alone.every_id_settled_once());
    return e.tokens;
}

// --- loading -------------------------------------------------------------------------------------------------------

void loading_reports_progress_and_the_model() {
    loaded c;
    const auto events = c.said(1);
    float last        = 0;
    for (const event & e : events) {
        if (e.type == event::kind::progress) {
            CHECK(e.value >= last && e.value <= 1);
            last = e.value;
        }
    }
    CHECK(events.size() > 1 && last == 1.0f);
    const model_info & info = *events.back().info;
    CHECK(info.name == "tiny mllama" && info.n_ctx == 1024 && info.hp.text.n_vocab == 263 && info.n_threads == 1);
    CHECK(info.image_token == "<|image|>" && info.memory.sum().weights > 0 && info.memory.sum().self_cache > 0);
    CHECK(c.get().memory().sum().cross_cache == info.memory.sum().cross_cache);
    CHECK(c.every_id_settled_once());
}

void without_a_model_everything_is_refused() {
    client c;
    CHECK(c.code(c.generate(request_of("a"))) == "ERR_NOT_LOADED");
    CHECK(c.code(c.evaluate({prompt_of("a"), {}, 0})) == "ERR_NOT_LOADED");
    CHECK(c.code(c.clear_caches()) == "ERR_NOT_LOADED");
    CHECK(c.code(c.unload()) == "");
    c.get().cancel(77);
    c.get().grant(77, 5);
    CHECK(c.code(c.load(options_for(dir.file("absent.gguf")))) == "ERR_MODEL_NOT_FOUND");
    CHECK(c.code(c.load(with([](auto & o) { o.device = "no such device"; }))) == "ERR_INVALID_OPTION");
    CHECK(c.code(c.load(options_for())) == "" && c.code(c.generate(request_of("a"))) == "");
    CHECK(c.every_id_settled_once());
}

void a_failed_load_leaves_a_working_engine() {
    loaded c;
    const ids wanted = c.tokens(request_of("abc"));
    for (int round = 0; round < 3; round++) {
        CHECK(c.code(c.load(options_for(dir.file("absent.gguf")))) == "ERR_MODEL_NOT_FOUND");
        CHECK(c.code(c.generate(request_of("abc"))) == "ERR_NOT_LOADED");
        CHECK(c.code(c.load(with([](auto & o) { o.context.n_ctx = INT32_MAX; }))) == "ERR_OUT_OF_MEMORY");
        CHECK(c.code(c.load(with([](auto & o) { o.context.n_images = INT32_MAX; }))) == "ERR_OUT_OF_MEMORY");
        CHECK(c.code(c.load(options_for())) == "");
        CHECK(c.tokens(request_of("abc")) == wanted);
    }
    CHECK(c.every_id_settled_once());
}

void a_load_replaces_the_model_and_ends_its_requests() {
    loaded c;
    auto parked         = request_of("abc", {}, 500);
    parked.credit       = 1;
    const uint32_t open = c.generate(parked);
    c.pieces(open, 1);
    CHECK(c.code(c.load(options_for())) == "" && c.code(open) == "ERR_CLOSED");
    CHECK(c.code(c.generate(request_of("abc"))) == "");
    CHECK(c.every_id_settled_once());
}

void a_load_is_cancelled_between_tensors() {
    client c([](engine & e) { e.cancel(1); }); // with the first progress event
    CHECK(c.code(c.load(options_for())) == "ERR_CANCELLED");
    CHECK(c.code(c.generate(request_of("a"))) == "ERR_NOT_LOADED");
    CHECK(c.code(c.load(options_for())) == "" && c.code(c.generate(request_of("a"))) == "");
    CHECK(c.every_id_settled_once());
}

void what_was_cancelled_before_its_turn_changes_nothing() {
    loaded c;
    const uint32_t busy = c.evaluate({long_prompt(1000).prompt, {}, 1}); // holds the thread
    const uint32_t load = c.load(options_for(dir.file("absent.gguf"))), request = c.generate(request_of("abc")),
                   evaluation = c.evaluate({prompt_of("abc"), {}, 0});
    for (const uint32_t id : {load, request, evaluation}) {
        c.get().cancel(id);
    }
    CHECK(c.code(busy) == "");
    for (const uint32_t id : {load, request, evaluation}) {
        CHECK(c.code(id) == "ERR_CANCELLED" && c.said(id).size() == 1);
    }
    CHECK(c.code(c.generate(request_of("abc"))) == ""); // the model is still there
}

// --- answers -------------------------------------------------------------------------------------------------------

std::vector<generate_request> mixed_requests() {
    return {request_of("a first question without an image"),
            request_of("x*describe", {image_of("p")}),
            request_of("another*one and then*more", {image_of("q", 1), image_of("p")}),
            request_of("*", {image_of("p")}),
            request_of("k**l", {image_of("r", 1), image_of("r", 1)}),
            request_of("short"),
            request_of("the same*image", {image_of("q", 1)}, 40)};
}

void concurrent_answers_equal_solo_answers() {
    for (const row_mode mode : {row_mode::hf, row_mode::meta}) {
        const auto requests = mixed_requests();
        const auto options  = with([&](auto & o) { o.context.mode = mode, o.n_seq_max = 4, o.context.n_images = 4; });
        std::vector<ids> wanted;
        for (const auto & request : requests) {
            wanted.push_back(solo(request, options));
        }
        CHECK(wanted[0] != wanted[1] && wanted[1] != wanted[3]);
        for (const int32_t n_batch : {512, 5}) {
            loaded c(with([&](auto & o) { o = options, o.context.n_batch = n_batch; }));
            std::vector<uint32_t> open;
            for (const auto & request : requests) {
                open.push_back(c.generate(request));
            }
            for (size_t i = 0; i < open.size(); i++) {
                const event e = c.settled(open[i]);
                CHECK(e.type == event::kind::done && e.tokens == wanted[i] && e.reason == finish_reason::length);
                CHECK(e.stats.n_generated == int32_t(e.tokens.size()));
            }
            CHECK(c.every_id_settled_once());
        }
    }
}

void the_size_of_prefill_batches_does_not_show() {
    const auto request = request_of("some*words to*read", {image_of("p"), image_of("q", 1)}, 40);
    const ids wanted   = solo(request);
    for (const int32_t n_batch : {1, 7, 512}) {
        CHECK(solo(request, with([&](auto & o) { o.context.n_batch = n_batch; })) == wanted);
    }
    loaded c;
    const event whole = c.settled(c.evaluate({request.prompt, request.images, 0}));
    for (const int32_t chunk : {1, 7}) {
        const event part = c.settled(c.evaluate({request.prompt, request.images, chunk}));
        CHECK(part.result->tokens == whole.result->tokens && part.result->logits.size() == whole.result->logits.size());
        float difference = 0;
        for (size_t i = 0; i < whole.result->logits.size(); i++) {
            difference = std::max(difference, std::abs(part.result->logits[i] - whole.result->logits[i]));
        }
        CHECK(difference < 1e-3f);
    }
}

void the_pieces_are_the_text_of_the_tokens() {
    loaded c;
    for (const auto & request : mixed_requests()) {
        const uint32_t id = c.generate(request);
        const event e     = c.settled(id);
        CHECK(c.text(id) == c.get().get_vocab()->detokenize(e.tokens));
    }
}

void generations_end_where_they_should() {
    loaded c;
    const auto base = request_of("tell me", {}, 60);
    const event all = c.run(base);
    CHECK(all.reason == finish_reason::length && all.tokens.size() == 60);
    const std::string whole = c.get().get_vocab()->detokenize(all.tokens);

    auto one       = base;
    one.max_tokens = 1;
    CHECK(c.tokens(one) == ids(all.tokens.begin(), all.tokens.begin() + 1));

    for (size_t i = 0; i < all.tokens.size(); i++) { // a stop text out of the middle
        const std::string piece = c.get().get_vocab()->detokenize({all.tokens[i]});
        if (piece.empty() || piece == "\xEF\xBF\xBD") {
            continue;
        }
        auto stopping     = base;
        stopping.stop     = {"never seen", piece};
        const uint32_t id = c.generate(stopping);
        CHECK(c.settled(id).reason == finish_reason::stop);
        CHECK(c.text(id) == whole.substr(0, whole.find(piece)));
    }
    // with ignore_eos off it ends at the first stop token, which is not part of the answer
    auto ends          = base;
    ends.ignore_eos    = false;
    ends.max_tokens    = 900;
    auto goes_on       = base;
    goes_on.max_tokens = 900;
    const ids without  = c.tokens(goes_on);
    const auto is_stop = [&](int32_t t) { return c.get().get_vocab()->is_stop(t); };
    const event ended  = c.run(ends);
    const ids expected(without.begin(), std::find_if(without.begin(), without.end(), is_stop));
    CHECK(ended.tokens == expected && without.size() == 900);
    CHECK((ended.reason == finish_reason::stop) == (expected.size() < without.size()));
}

void a_seed_gives_the_same_answer_in_any_company() {
    loaded c;
    auto drawn                 = request_of("roll the dice", {}, 30);
    drawn.sampling.temperature = 1.0f;
    drawn.sampling.seed        = 0xFFFFFFFF;
    const ids wanted           = c.tokens(drawn);
    const uint32_t a = c.generate(request_of("company")), b = c.generate(drawn), d = c.generate(drawn);
    CHECK(c.settled(b).tokens == wanted && c.settled(d).tokens == wanted && c.code(a) == "");
}

// --- credit --------------------------------------------------------------------------------------------------------

void credit_parks_a_request_and_a_grant_resumes_it() {
    loaded c;
    const ids wanted = c.tokens(request_of("count", {}, 40));
    auto slow        = request_of("count", {}, 40);
    slow.credit      = 2;
    const uint32_t a = c.generate(slow);
    c.pieces(a, 2);
    CHECK(c.code(c.generate(request_of("meanwhile"))) == ""); // others go on; and the parked one had time to overrun
    CHECK(c.said(a).size() == 2);
    for (size_t n = 3; n < 6; n++) {
        c.get().grant(a, 1);
        c.pieces(a, n);
        CHECK(c.code(c.clear_caches()) == "" && c.said(a).size() == n);
    }
    c.get().grant(a, -100);
    c.get().grant(a, 0);
    c.get().grant(a, plenty);
    c.get().grant(a, plenty);
    CHECK(c.settled(a).tokens == wanted);
    c.get().grant(a, 1); // settled: ignored
    CHECK(c.every_id_settled_once());
}

// --- cancelling ----------------------------------------------------------------------------------------------------

void cancelling_works_in_every_state() {
    auto endless      = request_of("on and on", {}, 900);
    auto parked       = endless;
    parked.credit     = 1;
    const auto c_text = std::string("abc");

    loaded c(with([](auto & o) { o.n_seq_max = 1; }));
    const ids wanted = c.tokens(request_of(c_text));

    const uint32_t first = c.generate(parked), queued = c.generate(endless);
    c.pieces(first, 1);
    c.get().cancel(queued);
    CHECK(c.code(queued) == "ERR_CANCELLED" && c.said(queued).size() == 1);
    c.get().cancel(first);
    c.get().cancel(first);
    CHECK(c.code(first) == "ERR_CANCELLED");

    const uint32_t decoding = c.generate(endless);
    c.pieces(decoding, 3);
    c.get().cancel(decoding);
    CHECK(c.code(decoding) == "ERR_CANCELLED");

    for (int delay = 0; delay < 40; delay += 4) { // prefill of single rows, wherever it may be by then
        const uint32_t prefill = c.generate(long_prompt(1000, 24));
        std::this_thread::sleep_for(std::chrono::milliseconds(delay));
        c.get().cancel(prefill);
        const event e = c.settled(prefill);
        CHECK(e.type == event::kind::done || e.code == error_code::cancelled);
    }
    const uint32_t evaluation = c.evaluate({long_prompt(1000).prompt, {}, 1});
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    c.get().cancel(evaluation);
    CHECK(c.code(evaluation) == "ERR_CANCELLED");

    c.get().cancel(decoding); // settled long ago
    CHECK(c.tokens(request_of(c_text)) == wanted && c.every_id_settled_once());
}

void cancelling_while_an_image_is_encoded() {
    tiny::model_options big;
    big.image_size     = 280; // 401 rows per tile: an encode takes a while
    big.n_layer_vision = 8;
    tiny::write_model(dir.file("big.gguf"), big);
    loaded c(options_for(dir.file("big.gguf")));
    const auto request = request_of("x*y", {image_of("p", 6, 280)}, 8);
    const ids wanted   = solo(request, options_for(dir.file("big.gguf")));
    const uint32_t id  = c.generate(request);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const auto before = std::chrono::steady_clock::now();
    c.get().cancel(id);
    CHECK(c.code(id) == "ERR_CANCELLED");
    std::printf("cancelled in %.1f ms\n",
                std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count());
    const event again = c.run(request);
    CHECK(again.tokens == wanted && again.stats.n_images_encoded == 1); // what was broken off is not taken for cached
}

void cancelling_one_does_not_disturb_the_others() {
    const auto requests = mixed_requests();
    std::vector<ids> wanted;
    for (const auto & request : requests) {
        wanted.push_back(solo(request));
    }
    std::mt19937 random(3);
    loaded c;
    for (int round = 0; round < 20; round++) {
        std::vector<uint32_t> open;
        for (const auto & request : requests) {
            open.push_back(c.generate(request));
        }
        const size_t victim = random() % open.size();
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 20000));
        c.get().cancel(open[victim]);
        for (size_t i = 0; i < open.size(); i++) {
            const event e = c.settled(open[i]);
            CHECK(e.type == event::kind::done ? e.tokens == wanted[i] : i == victim && e.code == error_code::cancelled);
        }
    }
    CHECK(c.every_id_settled_once());
}

// --- images --------------------------------------------------------------------------------------------------------

void images_are_encoded_once_and_evicted_when_room_is_needed() {
    loaded c(with([](auto & o) { o.context.n_images = 2; }));
    const auto encoded = [&](std::vector<image_input> images) {
        const size_t n = images.size();
        return c.run(request_of("x" + std::string(n, '*') + "y", std::move(images), 2)).stats.n_images_encoded;
    };
    CHECK(encoded({image_of("p")}) == 1 && encoded({image_of("p")}) == 0);
    CHECK(encoded({image_of("q")}) == 1 && encoded({image_of("p"), image_of("q")}) == 0);
    CHECK(encoded({image_of("r")}) == 1); // in place of p
    CHECK(encoded({image_of("q")}) == 0 && encoded({image_of("p")}) == 1);
    CHECK(c.code(c.clear_caches()) == "" && encoded({image_of("p")}) == 1);
    CHECK(c.code(c.generate(request_of("***", {image_of("p"), image_of("q"), image_of("r")}))) == "ERR_CONTEXT_FULL");

    const uint32_t a = c.generate(request_of("a*", {image_of("s")})), b = c.generate(request_of("b*", {image_of("s")}));
    CHECK(c.settled(a).stats.n_images_encoded + c.settled(b).stats.n_images_encoded == 1);
    CHECK(c.every_id_settled_once());
}

void a_request_waits_for_slots_that_a_parked_one_holds() {
    loaded c(with([](auto & o) { o.context.n_images = 1; }));
    auto parked          = request_of("a*", {image_of("p")});
    parked.credit        = 1;
    const uint32_t first = c.generate(parked);
    c.pieces(first, 1);
    const uint32_t second = c.generate(request_of("b*", {image_of("q")}));
    const uint32_t third  = c.generate(request_of("text")); // in line: first come, first served
    CHECK(c.code(c.evaluate({prompt_of("*"), {image_of("q")}, 0})) == "ERR_CONTEXT_FULL");
    CHECK(c.said(second).empty() && c.said(third).empty());
    c.get().grant(first, plenty);
    CHECK(c.code(first) == "" && c.code(second) == "" && c.code(third) == "");
}

void wrong_requests_are_refused_and_leave_no_trace() {
    loaded c;
    const auto code = [&](const std::function<void(generate_request &)> & change) {
        auto request = request_of("a*b", {image_of("p")});
        change(request);
        return c.code(c.generate(request));
    };
    CHECK(code([](auto & r) { r.images.clear(); }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.images.push_back(image_of("q")); }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.images[0].tiles.pop_back(); }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.images[0].key.clear(); }) == "ERR_INVALID_OPTION");
    for (const int32_t ratio : {0, -1, 9, INT32_MAX}) {
        CHECK(code([&](auto & r) { r.images[0].aspect_ratio_id = ratio; }) == "ERR_INVALID_OPTION");
    }
    for (const int32_t n_tiles : {0, 1, -4, INT32_MAX}) {
        CHECK(code([&](auto & r) { r.images[0].n_tiles = n_tiles; }) == "ERR_INVALID_OPTION");
    }
    CHECK(code([](auto & r) { r.prompt = {}, r.images = {}; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.prompt = {{prompt_part::kind::special, "<|nope|>", {}}}; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.prompt = {{prompt_part::kind::tokens, "", {264}}}; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.max_tokens = 0; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.max_tokens = INT32_MIN; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.stop = {"x", ""}; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.sampling.top_p = 0; }) == "ERR_INVALID_OPTION");
    CHECK(code([](auto & r) { r.max_tokens = INT32_MAX, r.stop = {std::string(1, '\x7f')}; }) == "");
    CHECK(c.tokens(request_of("abc")) == solo(request_of("abc")) && c.every_id_settled_once());
}

// --- the context's end ---------------------------------------------------------------------------------------------

void the_context_is_used_to_its_last_cell() {
    for (const int64_t n_ctx : {1, 2, 3, 64, 256, 257, 300}) {
        loaded c(with([&](auto & o) { o.context.n_ctx = n_ctx; }));
        for (const int64_t n : {n_ctx - 1, n_ctx, n_ctx + 1, 10 * n_ctx}) {
            if (n < 1) {
                continue;
            }
            const uint32_t id = c.generate(long_prompt(size_t(n), 1000));
            if (n > n_ctx) {
                CHECK(c.code(id) == "ERR_CONTEXT_FULL");
                continue;
            }
            const event e = c.settled(id); // the last token needs no cell of its own
            CHECK(e.type == event::kind::done && e.reason == finish_reason::length);
            CHECK(int64_t(e.tokens.size()) == n_ctx - n + 1);
        }
        CHECK(c.code(c.generate(long_prompt(1, 1))) == "");
        CHECK(c.code(c.evaluate({long_prompt(size_t(n_ctx)).prompt, {}, 0})) == "");
        CHECK(c.code(c.evaluate({long_prompt(size_t(n_ctx + 1)).prompt, {}, 0})) == "ERR_CONTEXT_FULL");
        CHECK(c.every_id_settled_once());
    }
}

void requests_share_the_context_in_turn() {
    loaded c(with([](auto & o) { o.context.n_ctx = 256, o.n_seq_max = 8; }));
    std::vector<uint32_t> open;
    for (int i = 0; i < 12; i++) {
        open.push_back(c.generate(long_prompt(size_t(20 + 17 * i), 15)));
    }
    for (int i = 0; i < 12; i++) {
        CHECK(c.settled(open[size_t(i)]).tokens == solo(long_prompt(size_t(20 + 17 * i), 15)));
    }
}

void evaluation_fits_between_running_requests() {
    loaded c(with([](auto & o) { o.context.n_ctx = 256; }));
    const ids wanted = c.tokens(request_of("count", {}, 100));
    const event idle = c.settled(c.evaluate({prompt_of("a*b"), {image_of("p")}, 0}));
    auto slow        = request_of("count", {}, 100);
    slow.credit      = 1;
    const uint32_t a = c.generate(slow);
    c.pieces(a, 1);
    const event busy = c.settled(c.evaluate({prompt_of("a*b"), {image_of("p")}, 0}));
    CHECK(busy.type == event::kind::evaluated && busy.result->vision_features == idle.result->vision_features);
    CHECK(busy.result->cross_states == idle.result->cross_states && busy.result->logits.size() == size_t(3 * 263));
    CHECK(c.code(c.evaluate({long_prompt(255).prompt, {}, 0})) == "ERR_CONTEXT_FULL");
    CHECK(c.code(c.evaluate({prompt_of("a*b"), {}, 0})) == "ERR_INVALID_OPTION");
    c.get().grant(a, plenty);
    CHECK(c.settled(a).tokens == wanted);
}

// --- ends ----------------------------------------------------------------------------------------------------------

void unloading_and_closing_settle_what_is_open() {
    for (int round = 0; round < 20; round++) {
        loaded c(with([](auto & o) { o.n_seq_max = 2; }));
        std::vector<uint32_t> open;
        for (const auto & request : mixed_requests()) {
            open.push_back(c.generate(request));
            c.get().grant(open.back(), 3);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(round));
        if (round % 2) {
            open.push_back(c.evaluate({long_prompt(900).prompt, {}, 1}));
            c.get().request_close();
            c.get().request_close();
            open.push_back(c.generate(request_of("too late")));
            open.push_back(c.load(options_for()));
            CHECK(c.code(open.back()) == "ERR_CLOSED");
            c.get().close();
            c.get().close();
            CHECK(c.get().ended());
        } else {
            CHECK(c.code(c.unload()) == "");
        }
        for (const uint32_t id : open) {
            const std::string code = c.code(id);
            CHECK(code == "ERR_CLOSED" || code == "");
        }
        CHECK(c.every_id_settled_once());
    }
}

void closing_interrupts_a_load() {
    client * self = nullptr;
    client c([&self](engine & e) {
        if (self) {
            e.request_close(); // with the first progress event
        }
    });
    self = &c;
    CHECK(c.code(c.load(options_for())) == "ERR_CLOSED");
    self = nullptr;
}

// --- no cross-talk -------------------------------------------------------------------------------------------------

/** Everything that an evaluation computes, bit by bit. */
bool same_bits(const evaluation & a, const evaluation & b) {
    const auto same = [](const std::vector<float> & x, const std::vector<float> & y) {
        return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
    };
    return same(a.logits, b.logits) && same(a.vision_features.at(0), b.vision_features.at(0)) &&
           same(a.cross_states.at(0), b.cross_states.at(0));
}

void after_any_fault_the_next_answer_is_a_fresh_ones() {
    const evaluate_request probe{prompt_of("look*here"), {image_of("z")}, 0};
    const auto request = request_of("say*it", {image_of("p")});
    const ids wanted   = solo(request);
    loaded fresh;
    const auto reference = fresh.settled(fresh.evaluate(probe)).result;

    std::mt19937 random(5);
    loaded c;
    for (int round = 0; round < 60; round++) {
        std::vector<uint32_t> open;
        for (size_t n = 1 + random() % 5; n > 0; n--) {
            switch (random() % 5) {
            case 0:
                open.push_back(c.generate(long_prompt(100 + random() % 900, 100)));
                break;
            case 1:
                open.push_back(c.generate(long_prompt(5000)));
                break;
            case 2:
                open.push_back(c.evaluate({prompt_of("a**b"), {image_of("q"), image_of("r", 1)}, 1}));
                break;
            default:
                open.push_back(c.generate(mixed_requests()[random() % 7]));
            }
        }
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 8000));
        for (const uint32_t id : open) {
            c.get().cancel(id);
        }
        for (const uint32_t id : open) {
            c.settled(id);
        }
        CHECK(same_bits(*c.settled(c.evaluate(probe)).result, *reference));
        CHECK(c.tokens(request) == wanted);
    }
    CHECK(c.every_id_settled_once());
}

/** A model whose embedding of `z` is NaN: what a damaged file does when its check is switched off. */
std::string poisoned_model() {
    const std::string path = dir.file("poisoned.gguf");
    tiny::write_model(path, {});
    const gguf_file file(path);
    const auto * embd = file.find_tensor("token_embd.weight");
    std::fstream out(path, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(std::streamoff(embd->offset + size_t('z') * 64 * sizeof(float)));
    for (int i = 0; i < 64; i++) {
        const float nan = std::nanf("");
        out.write(reinterpret_cast<const char *>(&nan), sizeof(nan));
    }
    return path;
}

void nan_of_one_request_stays_with_it() {
    auto options          = options_for(poisoned_model());
    options.check_tensors = false;
    const auto requests   = {request_of("abcdefgh"), request_of("ab*cdefgh", {image_of("p")}), long_prompt(100)};
    loaded c(options);
    // the last one leaves NaN behind in cells that share a tile of the attention with those of the 100 tokens
    for (const std::string & poison : {std::string(42, 'z'), std::string("z*zzzzzzzz"), std::string("aaaaaaaaz"),
                                       std::string(100, 'a') + std::string(50, 'z')}) {
        const bool has_image = poison.find('*') != std::string::npos;
        std::vector<image_input> images;
        if (has_image) {
            images.push_back(image_of("q"));
        }
        for (const auto & request : requests) {
            CHECK(c.code(c.generate(request_of(poison, images))) == "ERR_MODEL_OUTPUT");
            CHECK(c.tokens(request) == solo(request));
            CHECK(c.code(c.evaluate({prompt_of(poison), images, 0})) == "");
            CHECK(c.tokens(request) == solo(request));
        }
    }
    CHECK(c.every_id_settled_once());
}

} // namespace

int main() {
    loading_reports_progress_and_the_model();
    without_a_model_everything_is_refused();
    a_failed_load_leaves_a_working_engine();
    a_load_replaces_the_model_and_ends_its_requests();
    a_load_is_cancelled_between_tensors();
    what_was_cancelled_before_its_turn_changes_nothing();
    concurrent_answers_equal_solo_answers();
    the_size_of_prefill_batches_does_not_show();
    the_pieces_are_the_text_of_the_tokens();
    generations_end_where_they_should();
    a_seed_gives_the_same_answer_in_any_company();
    credit_parks_a_request_and_a_grant_resumes_it();
    cancelling_works_in_every_state();
    cancelling_while_an_image_is_encoded();
    cancelling_one_does_not_disturb_the_others();
    images_are_encoded_once_and_evicted_when_room_is_needed();
    a_request_waits_for_slots_that_a_parked_one_holds();
    wrong_requests_are_refused_and_leave_no_trace();
    the_context_is_used_to_its_last_cell();
    requests_share_the_context_in_turn();
    evaluation_fits_between_running_requests();
    unloading_and_closing_settle_what_is_open();
    closing_interrupts_a_load();
    after_any_fault_the_next_answer_is_a_fresh_ones();
    nan_of_one_request_stays_with_it();
    return check::summary();
}
