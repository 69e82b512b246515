// Loading from outside: it is told, cancelled and replaced, and a failed one costs nothing.

#include "check.h"
#include "support/requests.h"
#include "support/temp-dir.h"

using namespace bllossom;
using namespace tiny;

namespace {

const temp_dir dir;

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

} // namespace

int main() {
    loading_reports_progress_and_the_model();
    without_a_model_everything_is_refused();
    a_failed_load_leaves_a_working_engine();
    a_load_replaces_the_model_and_ends_its_requests();
    a_load_is_cancelled_between_tensors();
    what_was_cancelled_before_its_turn_changes_nothing();
    return check::summary();
}
