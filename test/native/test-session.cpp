// The caches as a file: a process that begins with it answers the same, and computes less.

#include "check.h"
#include "support/requests.h"
#include "support/simulated-gpu.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"

#include <filesystem>
#include <fstream>

using namespace bllossom;
using namespace tiny;

namespace {

const temp_dir dir;
const std::string session = dir.file("session.gguf");
const std::string long_text(200, 'x');

/** A model whose heads are wide enough for every type of cache. */
std::string wide_model(uint32_t seed = 1, ggml_type type = GGML_TYPE_F32) {
    const std::string path = dir.file("wide-" + std::to_string(seed) + ggml_type_name(type) + ".gguf");
    if (!std::filesystem::exists(path)) {
        model_options model;
        model.n_embd = 128;
        model.n_ff   = 128;
        model.seed   = seed;
        model.type   = type;
        write_model(path, model);
    }
    return path;
}

engine_options wide(const std::function<void(engine_options &)> & change = nullptr) {
    engine_options options = options_for(wide_model());
    if (change) {
        change(options);
    }
    return options;
}

std::string bytes_of(const std::string & path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

bool counts_are(const event & e, int32_t n_prompts, int32_t n_tokens, int32_t n_images) {
    const bool right = e.type == event::kind::session && e.session.n_prompts == n_prompts &&
                       e.session.n_tokens == n_tokens && e.session.n_images == n_images;
    if (!right) {
        std::fprintf(stderr, "%d prompts, %d tokens, %d images %s\n", e.session.n_prompts, e.session.n_tokens,
                     e.session.n_images, e.text.c_str());
    }
    return right;
}

/** Saves what a client has cached. */
event save(client & c, const std::string & path = session) {
    return c.settled(c.save_session(path));
}

event load(client & c, const std::string & path = session) {
    return c.settled(c.load_session(path));
}

bool refuses(client & c, const std::string & path, const std::string & code, const std::string & what) {
    const event e = load(c, path);
    const bool right =
        e.type == event::kind::error && error_code_name(e.code) == code && e.text.find(what) != std::string::npos;
    if (!right) {
        std::fprintf(stderr, "expected %s with \"%s\": %s\n", code.c_str(), what.c_str(), e.text.c_str());
    }
    return right;
}

/** Whether every row of a prompt and every image were there, and the answer is the one of an empty cache. */
bool is_restored(client & c, const generate_request & request, const engine_options & options) {
    const event e = c.settled(c.generate(request));
    return e.stats.n_reused == e.stats.n_prompt - 1 && e.stats.n_images_encoded == 0 &&
           e.tokens == solo(request, options);
}

void a_later_process_answers_the_same_and_computes_less() {
    const std::vector<generate_request> requests = {
        request_of(long_text + "one"), request_of(long_text + "two"), request_of("*" + long_text, {image_of("p")}),
        request_of("*" + long_text + "?", {image_of("p")}), request_of("*and*", {image_of("q", 1), image_of("p")})};
    for (const cache_type type : {cache_type::f32, cache_type::f16, cache_type::q8_0}) {
        for (const row_mode mode : {row_mode::hf, row_mode::meta}) {
            const auto options = wide([&](auto & o) { o.context.kv_type = type, o.context.mode = mode; });
            {
                loaded before(options);
                for (const auto & request : requests) {
                    before.run(request);
                }
                CHECK(save(before).session.n_images == 2);
            }
            loaded after(options);
            CHECK(load(after).session.n_images == 2);
            for (const auto & request : requests) {
                CHECK(is_restored(after, request, options));
            }
            CHECK(after.every_id_settled_once());
        }
    }
}

void rows_that_prompts_share_are_stored_once() {
    loaded c(wide());
    c.run(request_of(long_text + "one", {}, 1)); // what is sampled last has no row
    c.run(request_of(long_text + "two", {}, 1));
    c.run(request_of("blue", {}, 1));
    const event saved = save(c);
    CHECK(counts_are(saved, 3, 200 + 3 + 3 + 4, 0));
    loaded other(wide());
    CHECK(counts_are(load(other), 3, saved.session.n_tokens, 0));
    // Everything is as it was, the order too: the same file comes of it.
    CHECK(counts_are(save(other, dir.file("again")), 3, saved.session.n_tokens, 0));
    CHECK(bytes_of(dir.file("again")) == bytes_of(session) && !bytes_of(session).empty());
}

void images_keep_their_order() {
    const auto options = wide([](auto & o) { o.context.n_images = 3; });
    loaded c(options);
    for (const char * name : {"a", "b", "c", "a"}) {
        c.run(request_of("*", {image_of(name)}, 1));
    }
    CHECK(save(c).session.n_images == 3);
    loaded other(options);
    CHECK(load(other).session.n_images == 3);
    CHECK(save(other, dir.file("again")).session.n_images == 3 && bytes_of(dir.file("again")) == bytes_of(session));
    other.run(request_of("*", {image_of("d")}, 1)); // in the place of b, the last used one of them
    CHECK(other.run(request_of("*", {image_of("c")}, 1)).stats.n_images_encoded == 0);
    CHECK(other.run(request_of("*", {image_of("a")}, 1)).stats.n_images_encoded == 0);
    CHECK(other.run(request_of("*", {image_of("b")}, 1)).stats.n_images_encoded == 1);
}

void a_conversation_goes_on() {
    loaded before(wide());
    generate_request request = request_of("a talk " + long_text);
    ids first                = before.tokens(request);
    CHECK(save(before).session.n_prompts == 1);
    request.prompt.push_back({prompt_part::kind::tokens, "", first});
    request.prompt.push_back({prompt_part::kind::text, " and more", {}});
    loaded after(wide());
    CHECK(load(after).session.n_prompts == 1);
    const event e = after.run(request);
    CHECK(e.stats.n_reused == e.stats.n_prompt - 10 && e.tokens == solo(request, wide())); // its last token had no row
}

void nothing_is_a_session_too() {
    loaded c(wide());
    CHECK(counts_are(save(c), 0, 0, 0));
    c.run(request_of("here"));
    CHECK(counts_are(load(c), 0, 0, 0));
    CHECK(is_restored(c, request_of("here"), wide()));
}

void a_session_is_put_beside_what_is_there() {
    loaded c(wide());
    c.run(request_of("*old " + long_text, {image_of("p")}));
    CHECK(save(c).session.n_prompts == 1);
    loaded other(wide());
    other.run(request_of("*new " + long_text, {image_of("q")}));
    for (int i = 0; i < 3; i++) {
        CHECK(load(other).session.n_prompts == 1);
    }
    CHECK(is_restored(other, request_of("*new " + long_text, {image_of("q")}), wide()));
    CHECK(is_restored(other, request_of("*old " + long_text, {image_of("p")}), wide()));
}

/** Saves three prompts of 200 rows, "c" the last, and four images. */
void save_much() {
    loaded c(wide([](auto & o) { o.context.n_images = 4; }));
    for (const char * name : {"s", "r", "q", "p"}) {
        c.run(request_of("*", {image_of(name)}, 1));
    }
    CHECK(c.code(c.save_session(dir.file("images"))).empty());
    c.clear_caches();
    for (const char * name : {"a", "b", "c"}) {
        c.run(request_of(name + std::string(199, 'x'), {}, 1));
    }
    CHECK(counts_are(save(c), 3, 600, 0));
}

void what_was_used_last_goes_first_where_room_is_short() {
    const auto small = wide([](auto & o) { o.context.n_ctx = 512, o.context.n_images = 2; });
    save_much();
    loaded c(small);
    CHECK(counts_are(load(c), 3, 512, 0)); // of the last one, its beginning
    CHECK(c.run(request_of("c" + std::string(199, 'x'), {}, 1)).stats.n_reused == 199);
    loaded d(small);
    CHECK(load(d).session.n_images == 0 && load(d, dir.file("images")).session.n_images == 2);
    CHECK(d.run(request_of("*", {image_of("p")}, 1)).stats.n_images_encoded == 0);
    CHECK(d.run(request_of("*", {image_of("q")}, 1)).stats.n_images_encoded == 0);
    CHECK(d.run(request_of("*", {image_of("r")}, 1)).stats.n_images_encoded == 1);
}

void running_requests_lose_nothing() {
    const auto small = wide([](auto & o) { o.context.n_ctx = 512, o.context.n_images = 2; });
    save_much();
    loaded c(small);
    generate_request slow = request_of("*" + std::string(250, 's'), {image_of("slow")}, 100);
    slow.credit           = 1;
    const uint32_t id     = c.generate(slow);
    c.pieces(id, 1);
    const event prompts = load(c), images = load(c, dir.file("images"));
    CHECK(prompts.session.n_prompts == 2 && prompts.session.n_tokens < 512 - 250 && prompts.session.n_tokens > 200);
    CHECK(images.session.n_images == 1);
    CHECK(save(c, dir.file("meanwhile")).session.n_images == 2);
    c.get().grant(id, plenty); // its cells are still promised to it
    slow.credit = plenty;
    CHECK(c.settled(id).tokens == solo(slow, small));
    CHECK(c.run(long_prompt(511, 1)).tokens.size() == 1);
}

void another_model_or_cache_is_refused_by_name() {
    loaded c(wide());
    c.run(request_of(long_text));
    save(c);
    const std::string refusal = "ERR_MODEL_UNSUPPORTED";
    const auto is_refused     = [&](const engine_options & options, const std::string & what) {
        loaded other(options);
        return refuses(other, session, refusal, what) && other.run(request_of(long_text)).stats.n_reused == 0;
    };
    CHECK(is_refused(options_for(wide_model(2)), "another model"));
    CHECK(is_refused(options_for(wide_model(1, GGML_TYPE_Q8_0)), "quantization"));
    CHECK(is_refused(options_for(), "another model")); // of another shape
    CHECK(is_refused(wide([](auto & o) { o.context.kv_type = cache_type::q8_0; }), "type f32"));
    CHECK(is_refused(wide([](auto & o) { o.context.mode = row_mode::meta; }), "row mode hf"));
    // Other sizes of the caches are no reason.
    loaded larger(wide([](auto & o) { o.context.n_ctx = 2048, o.context.n_images = 7; }));
    CHECK(load(larger).session.n_prompts == 1);
}

void a_copy_of_the_model_is_the_same_model() {
    loaded c(wide());
    c.run(request_of(long_text));
    save(c);
    std::filesystem::copy_file(wide_model(), dir.file("copy.gguf"));
    loaded other(options_for(dir.file("copy.gguf")));
    CHECK(load(other).session.n_prompts == 1 && is_restored(other, request_of(long_text), wide()));
}

void files_that_cannot_be_used_are_typed_errors() {
    loaded c(wide());
    c.run(request_of(long_text));
    CHECK(refuses(c, dir.file("none"), "ERR_IO", "none"));
    CHECK(refuses(c, dir.file(""), "ERR_IO", "a directory"));
    CHECK(refuses(c, "", "ERR_IO", "empty"));
    CHECK(refuses(c, wide_model(), "ERR_MODEL_FORMAT", "not a session"));
    CHECK(c.code(c.save_session(dir.file("none/session"))) == "ERR_IO");
    CHECK(c.code(c.save_session(dir.file(""))) == "ERR_IO");
    CHECK(c.code(c.save_session("")) == "ERR_INVALID_OPTION");
    CHECK(is_restored(c, request_of(long_text), wide()));
}

void without_a_model_there_is_no_session() {
    client c;
    CHECK(c.code(c.save_session(session)) == "ERR_NOT_LOADED" && c.code(c.load_session(session)) == "ERR_NOT_LOADED");
    c.settled(c.load(wide()));
    CHECK(save(c).type == event::kind::session);
    c.settled(c.unload());
    CHECK(c.code(c.save_session(session)) == "ERR_NOT_LOADED" && c.code(c.load_session(session)) == "ERR_NOT_LOADED");
    c.get().close();
    CHECK(c.code(c.save_session(session)) == "ERR_CLOSED" && c.every_id_settled_once());
}

void a_cancelled_save_leaves_the_old_file_and_a_cancelled_load_the_caches() {
    loaded c(wide());
    c.run(request_of("old"));
    save(c);
    const std::string old = bytes_of(session);
    c.run(request_of(long_text));
    const auto cancelled = [&](auto && command) {
        const uint32_t busy = c.evaluate({long_prompt(500).prompt, {}, 1}); // it gets its turn after that
        const uint32_t id   = command();
        c.get().cancel(id);
        c.settled(busy);
        return c.code(id) == "ERR_CANCELLED";
    };
    CHECK(cancelled([&] { return c.save_session(session); }));
    CHECK(bytes_of(session) == old && !std::filesystem::exists(session + ".tmp"));
    c.settled(c.clear_caches());
    CHECK(cancelled([&] { return c.load_session(session); }));
    CHECK(c.run(request_of("old")).stats.n_reused == 0);
}

void what_cannot_be_written_leaves_the_old_file() {
    loaded c(wide());
    c.run(request_of(long_text));
    save(c);
    const std::string old = bytes_of(session);
    std::ofstream(session + ".tmp") << "somebody else's";
    CHECK(c.code(c.save_session(session)) == "ERR_IO" && bytes_of(session) == old);
    std::filesystem::remove(session + ".tmp");
    CHECK(save(c).type == event::kind::session);
}

/** Over one and two devices, whose memory is not the host's. */
void keys_and_values_on_gpus_are_saved_and_restored() {
    sim::device(0);
    sim::device(1);
    const auto on_gpus = wide([](auto & o) { o.device = "auto"; });
    const auto request = request_of("*" + long_text, {image_of("p")});
    loaded before(on_gpus);
    const ids answer = before.tokens(request);
    CHECK(save(before).session.n_images == 1);
    loaded after(on_gpus), on_host(wide());
    for (client * c : {static_cast<client *>(&after), static_cast<client *>(&on_host)}) {
        CHECK(load(*c).session.n_images == 1);
        const event e = c->settled(c->generate(request));
        CHECK(e.stats.n_reused == e.stats.n_prompt - 1 && e.stats.n_images_encoded == 0 && e.tokens == answer);
    }
}

} // namespace

int main() {
    a_later_process_answers_the_same_and_computes_less();
    rows_that_prompts_share_are_stored_once();
    images_keep_their_order();
    a_conversation_goes_on();
    nothing_is_a_session_too();
    a_session_is_put_beside_what_is_there();
    what_was_used_last_goes_first_where_room_is_short();
    running_requests_lose_nothing();
    another_model_or_cache_is_refused_by_name();
    a_copy_of_the_model_is_the_same_model();
    files_that_cannot_be_used_are_typed_errors();
    without_a_model_there_is_no_session();
    a_cancelled_save_leaves_the_old_file_and_a_cancelled_load_the_caches();
    what_cannot_be_written_leaves_the_old_file();
    keys_and_values_on_gpus_are_saved_and_restored(); // the devices stay
    return check::summary();
}
