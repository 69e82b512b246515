// A model over the CPU and one or two GPUs, however it is cut: the same numbers, the memory that was planned, and an
// engine that outlives what a device refuses. The GPUs are simulated (support/simulated-gpu.h).

#include "check.h"
#include "error.h"
#include "memory-plan.h"
#include "prompt-pass.h"
#include "support/client.h"
#include "support/simulated-gpu.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

using namespace bllossom;

namespace {

const temp_dir dir;

constexpr int32_t id_image = 263; // of the tiny vocabulary
constexpr size_t mib       = size_t(1) << 20;
constexpr size_t gib       = size_t(1) << 30;
constexpr int32_t n_layer  = 8;

/** Wide enough that layers outweigh the results of graphs. */
std::string model_path() {
    static const std::string path = [] {
        tiny::model_options model;
        model.n_embd       = 128;
        model.n_ff         = 512;
        model.n_layer      = n_layer;
        model.cross_layers = {1, 3, 6};
        tiny::write_model(dir.file("tiny.gguf"), model);
        return dir.file("tiny.gguf");
    }();
    return path;
}

engine_options options_for(const std::string & device, int32_t n_gpu_layers = -1) {
    engine_options options;
    options.path             = model_path();
    options.device           = device;
    options.n_threads        = 1;
    options.n_gpu_layers     = n_gpu_layers;
    options.context.kv_type  = cache_type::f32;
    options.context.n_ctx    = 512;
    options.context.n_images = 2;
    options.context.n_batch  = 64;
    return options;
}

/** A model as the engine opens it. */
struct opened {
    backend_set backends;
    memory_plan plan;
    std::shared_ptr<const model> weights;
    std::unique_ptr<context> run;

    explicit opened(const engine_options & options)
        : backends(options.device, options.n_threads), plan(plan_memory(backends, options)) {
        for (int32_t gpu = 0; gpu < backends.n_gpus(); gpu++) {
            if (!plan.place.uses_gpu(gpu)) {
                backends.close_gpu(gpu);
            }
        }
        weights           = load_model(backends, to_load_options(options, plan.place));
        context_options c = options.context;
        c.n_ctx           = plan.place.n_ctx;
        c.n_images        = plan.place.n_images;
        c.kv_type         = plan.place.kv_type;
        run               = std::make_unique<context>(weights, backends, plan.place, c, [] { return false; });
    }
};

image_input make_image() {
    image_input image;
    image.n_tiles         = 4;
    image.aspect_ratio_id = 6;
    image.key             = "gradient";
    image.tiles.resize(4 * 28 * 28 * 3);
    for (size_t i = 0; i < image.tiles.size(); i++) {
        image.tiles[i] = uint8_t(i * 7);
    }
    return image;
}

/** Logits of every token of a prompt with an image: a long piece first, then a step of one. */
std::vector<float> logits_of(context & c) {
    std::vector<int32_t> tokens{257, id_image};
    for (int32_t i = 0; i < 60; i++) {
        tokens.push_back(30 + i);
    }
    std::vector<float> all;
    prompt_pass pass(c, tokens, image_ranges(tokens, id_image));
    CHECK(pass.encode(make_image()));
    while (!pass.is_done()) {
        CHECK(pass.decode(all.empty() ? 50 : 1));
        all.insert(all.end(), c.logits(), c.logits() + c.n_logits());
    }
    return all;
}

float largest_difference(const std::vector<float> & a, const std::vector<float> & b) {
    CHECK(a.size() == b.size() && !a.empty());
    float difference = 0, largest = 0;
    for (size_t i = 0; i < std::min(a.size(), b.size()); i++) {
        difference = std::max(difference, std::fabs(a[i] - b[i]));
        largest    = std::max(largest, std::fabs(a[i]));
        CHECK(std::isfinite(a[i]) && std::isfinite(b[i]));
    }
    return difference / largest;
}

/** Gives both devices their memory back. */
void reset_devices(size_t first = gib, size_t second = gib) {
    sim::device(0).set_memory(first);
    sim::device(1).set_memory(second);
}

/** Bytes of the model on one large GPU. */
uint64_t whole_bytes() {
    reset_devices();
    return plan_memory(backend_set("SIM0", 1), options_for("SIM0")).devices.front().total();
}

/** Memory of a GPU of which the plan may use so many bytes beside its backend's own. */
size_t with_room_for(uint64_t bytes) {
    return size_t(double(bytes + 256 * mib) / 0.9);
}

// --- names ---------------------------------------------------------------------------------------------------------

void devices_are_found_by_family_name_and_number() {
    reset_devices();
    CHECK(backend_set("sim", 1).n_gpus() == 2 && backend_set("SIM", 1).is_named());
    CHECK(backend_set("auto", 1).n_gpus() == 2 && !backend_set("auto", 1).is_named());
    CHECK(backend_set("cpu", 1).n_gpus() == 0 && !backend_set("cpu", 1).is_named());
    for (const char * name : {"SIM1", "sim1", "sim:1"}) {
        const backend_set one(name, 1);
        CHECK(one.n_gpus() == 1 && std::string(ggml_backend_name(one.at(0))) == "SIM1" && one.device_name() == "sim");
    }
    for (const char * name : {"sim:2", "SIM2", "", ":", "1"}) {
        try {
            backend_set(name, 1);
            CHECK(false);
        } catch (const error & e) {
            CHECK(e.code() == error_code::invalid_option && std::string(e.what()).find("SIM0") != std::string::npos);
        }
    }
}

// --- equal numbers -------------------------------------------------------------------------------------------------

void a_model_computes_the_same_wherever_it_lies() {
    opened on_cpu(options_for("cpu"));
    const std::vector<float> expected = logits_of(*on_cpu.run);
    CHECK(!on_cpu.plan.place.uses_any_gpu());

    const auto compare = [&](const char * title, const engine_options & options,
                             const std::function<bool(const placement &)> & is_cut) {
        opened cut(options);
        CHECK(is_cut(cut.plan.place));
        const float difference = largest_difference(expected, logits_of(*cut.run));
        printf("%s: %d layers on GPUs, tower on %d, logits differ by %.1e\n", title, cut.plan.place.n_gpu_layers(),
               cut.plan.place.vision_gpu, double(difference));
        CHECK(difference < 1e-5f);
    };
    const auto is_whole = [](const placement & p) { return p.n_gpu_layers() == n_layer && p.vision_gpu == 0; };

    reset_devices();
    compare("one GPU", options_for("SIM1"), is_whole);
    for (const int32_t n : {0, 1, 4, 7}) {
        compare("part of it", options_for("SIM0", n), [n](const placement & p) { return p.n_gpu_layers() == n; });
    }
    const uint64_t whole = whole_bytes();
    reset_devices(with_room_for(whole * 6 / 10), with_room_for(whole * 8 / 10));
    compare("two GPUs", options_for("sim"),
            [](const placement & p) { return p.n_gpu_layers() == n_layer && p.uses_gpu(0) && p.uses_gpu(1); });
    engine_options tower_on_host = options_for("SIM0");
    for (int per_mille = 990; per_mille > 500; per_mille -= 10) { // as little as keeps the layers there
        reset_devices(with_room_for(whole * uint64_t(per_mille) / 1000), 0);
        const backend_set probe("SIM0", 1);
        if (plan_memory(probe, tower_on_host).place.vision_gpu == on_host) {
            break;
        }
    }
    compare("the tower on the host", tower_on_host,
            [](const placement & p) { return p.n_gpu_layers() == n_layer && p.vision_gpu == on_host; });
    reset_devices();
}

void a_cache_of_eight_bits_changes_little() {
    opened exact(options_for("cpu"));
    const std::vector<float> expected = logits_of(*exact.run);
    for (const char * device : {"cpu", "SIM0"}) {
        for (const auto & [type, limit] : {std::pair{cache_type::f16, 2e-3f}, std::pair{cache_type::q8_0, 2e-2f}}) {
            engine_options options  = options_for(device);
            options.context.kv_type = type;
            opened stored(options);
            const float difference = largest_difference(expected, logits_of(*stored.run));
            printf("%s in %s: logits differ by %.1e of the largest\n", cache_type_name(type), device,
                   double(difference));
            CHECK(difference < limit && difference > 0);
        }
    }
}

/** Each part is a submission, and what crosses between two is a copy: one lookup on the host, then one part per GPU. */
void a_step_is_computed_in_as_few_parts_as_there_are_devices() {
    const auto parts = [](const engine_options & options) {
        opened cut(options);
        logits_of(*cut.run); // ends with a step of one row
        printf("%d of %d layers on GPUs: a step has %d parts\n", cut.plan.place.n_gpu_layers(), n_layer,
               cut.run->n_graph_parts());
        return cut.run->n_graph_parts();
    };
    reset_devices();
    CHECK(parts(options_for("cpu")) == 1);
    CHECK(parts(options_for("SIM0")) == 2);
    CHECK(parts(options_for("SIM0", 4)) == 2); // the host's layers follow its lookup
    const uint64_t whole = whole_bytes();
    reset_devices(with_room_for(whole * 6 / 10), with_room_for(whole * 8 / 10));
    CHECK(parts(options_for("sim")) == 3);
    reset_devices();
}

// --- memory --------------------------------------------------------------------------------------------------------

void what_is_allocated_is_what_was_planned() {
    const uint64_t whole = whole_bytes();
    struct machine {
        const char * device;
        int32_t n_gpu_layers;
        size_t first, second;
    };
    for (const machine & m : {machine{"SIM0", -1, gib, gib}, machine{"SIM0", 3, gib, gib}, machine{"SIM0", 0, gib, gib},
                              machine{"sim", -1, with_room_for(whole * 6 / 10), with_room_for(whole * 8 / 10)}}) {
        reset_devices(m.first, m.second);
        opened cut(options_for(m.device, m.n_gpu_layers));
        logits_of(*cut.run);
        const memory_use use = cut.run->memory();
        CHECK(use.devices.size() == cut.plan.devices.size() && use.devices.back().name == "CPU");
        for (size_t i = 0; i < use.devices.size(); i++) {
            const planned_device & planned = cut.plan.devices[i];
            const auto near                = [](uint64_t a, uint64_t b) { return double(a) < 1.1 * double(b) + 4096; };
            CHECK(planned.name == use.devices[i].name && planned.total() + planned.reserve <= planned.limit);
            CHECK(planned.weights == use.devices[i].weights && planned.self_cache == use.devices[i].self_cache);
            CHECK(near(use.devices[i].total(), planned.total()));
            // what the CPU backend converts rows in, up to 100 KiB here, is planned for, but cannot be measured
            CHECK(near(planned.total(), use.devices[i].total() + (planned.is_gpu ? 0 : 100 << 10)));
            if (planned.is_gpu) {
                const size_t measured = sim::device(planned.name == "SIM0" ? 0 : 1).most_allocated();
                printf("%s with %d layers: %zu bytes planned, %zu allocated\n", planned.name.c_str(), planned.n_layers,
                       size_t(planned.total()), measured);
                CHECK(near(planned.total(), measured) && near(measured, planned.total()));
            }
        }
    }
    CHECK(sim::device(0).allocated() == 0 && sim::device(1).allocated() == 0);
    reset_devices();
}

void a_plan_takes_nothing() {
    reset_devices();
    const backend_set backends("sim", 1);
    plan_memory(backends, options_for("sim"));
    CHECK(sim::device(0).most_allocated() == 0 && sim::device(1).most_allocated() == 0);
}

void memory_that_others_hold_is_not_planned_for() {
    sim::device(0).set_memory(gib, gib - 300 * mib);
    sim::device(1).set_memory(gib, gib);
    const memory_plan plan = plan_memory(backend_set("auto", 1), options_for("auto"));
    CHECK(plan.place.uses_any_gpu() == (plan.devices.size() == 2));
    for (const planned_device & device : plan.devices) {
        CHECK(device.total() + device.reserve <= device.limit && device.limit <= device.memory_free);
        CHECK(device.name != "SIM1");
    }
    reset_devices();
}

// --- failures ------------------------------------------------------------------------------------------------------

generate_request request_of(bool with_image) {
    generate_request request;
    request.prompt = {{prompt_part::kind::tokens, "", {257, 40, 41}}};
    if (with_image) {
        request.prompt.push_back({prompt_part::kind::tokens, "", {id_image}});
        request.images.push_back(make_image());
    }
    request.prompt.push_back({prompt_part::kind::tokens, "", {42, 43}});
    request.max_tokens           = 4;
    request.sampling.temperature = 0;
    request.ignore_eos           = true;
    request.credit               = 1000;
    return request;
}

void a_model_that_does_not_fit_is_refused_with_what_would() {
    reset_devices(100 * mib, 100 * mib);
    tiny::client c;
    const event refused = c.settled(c.load(options_for("sim", 8)));
    CHECK(refused.type == event::kind::error && refused.code == error_code::out_of_memory);
    CHECK(refused.shortage && refused.shortage->needed > refused.shortage->available && refused.shortage->would_fit);
    CHECK(refused.shortage && refused.shortage->device == "SIM0, SIM1");
    CHECK(c.code(c.load(options_for("auto"))).empty()); // on the CPU
    CHECK(c.code(c.generate(request_of(true))).empty());
    reset_devices();
}

/** Every allocation of a load fails once: what others take between the plan and the load is not planned for. */
void a_load_survives_that_others_take_the_memory_first() {
    int n_failed = 0;
    for (int n_buffers = 0; n_buffers < 20; n_buffers++) {
        reset_devices();
        tiny::client c;
        sim::device(0).take_all_after(n_buffers);
        const event e = c.settled(c.load(options_for("SIM0")));
        if (e.type == event::kind::loaded) {
            break;
        }
        n_failed++;
        CHECK(e.type == event::kind::error && e.code == error_code::out_of_memory && e.shortage);
        CHECK(sim::device(0).allocated() == 0);
        reset_devices();
        CHECK(c.code(c.load(options_for("SIM0"))).empty());
        CHECK(c.code(c.generate(request_of(true))).empty());
    }
    printf("%d allocations of a load failed in turn\n", n_failed);
    CHECK(n_failed >= 3); // weights, caches, results
    reset_devices();
}

/** Every graph of an answer fails once. */
void an_engine_survives_a_device_that_fails(ggml_status status, error_code expected) {
    reset_devices();
    tiny::client c;
    CHECK(c.code(c.load(options_for("SIM0"))).empty());
    const std::vector<int32_t> answer = c.settled(c.generate(request_of(true))).tokens;
    c.settled(c.clear_caches());
    int n_failed = 0;
    for (int n = 1; n < 100; n++) {
        sim::device(0).fail_graph(n, status);
        const event e = c.settled(c.generate(request_of(true)));
        sim::device(0).fail_graph(-1, GGML_STATUS_SUCCESS);
        if (e.type == event::kind::done) {
            break;
        }
        n_failed++;
        CHECK(e.type == event::kind::error && e.code == expected);
        CHECK(c.settled(c.generate(request_of(true))).tokens == answer);
        c.settled(c.clear_caches());
    }
    printf("%d graphs of an answer failed in turn with status %d\n", n_failed, int(status));
    CHECK(n_failed >= 5 && c.every_id_settled_once()); // the image, the prompt, three steps
}

} // namespace

int main() {
    devices_are_found_by_family_name_and_number();
    a_model_computes_the_same_wherever_it_lies();
    a_cache_of_eight_bits_changes_little();
    a_step_is_computed_in_as_few_parts_as_there_are_devices();
    what_is_allocated_is_what_was_planned();
    a_plan_takes_nothing();
    memory_that_others_hold_is_not_planned_for();
    a_model_that_does_not_fit_is_refused_with_what_would();
    a_load_survives_that_others_take_the_memory_first();
    an_engine_survives_a_device_that_fails(GGML_STATUS_ALLOC_FAILED, error_code::out_of_memory);
    an_engine_survives_a_device_that_fails(GGML_STATUS_FAILED, error_code::backend);
    return check::summary();
}
