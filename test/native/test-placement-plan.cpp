// Where the parts of a model go, on machines that are only numbers.

#include "check.h"
#include "error.h"
#include "fitting-options.h"

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <tuple>

using namespace bllossom;

namespace {

constexpr uint64_t mib = uint64_t(1) << 20;
constexpr uint64_t gib = uint64_t(1) << 30;

/** AICA-5B in Q4_K_M with a tower in BF16 (docs/gguf.md's numbers; bytes as its tensors take them). */
model_needs aica() {
    model_needs needs;
    needs.layers.assign(35, 60 * mib);
    needs.is_cross.assign(35, false);
    for (const int32_t il : {3, 8, 13, 18, 23, 28, 33}) {
        needs.is_cross[size_t(il)] = true;
    }
    needs.output         = 309 * mib;
    needs.vision         = 1560 * mib;
    needs.tables         = 530 * mib;
    needs.n_embd_kv      = 1024;
    needs.n_embd_head    = 128;
    needs.slot_cells     = 6656;
    needs.n_ctx_max      = 131072;
    needs.text_scratch   = 70 * mib;
    needs.cell_scratch   = 1024;
    needs.vision_scratch = 560 * mib;
    needs.host_scratch   = 20 * mib;
    needs.staging        = 400 * mib;
    return needs;
}

machine_memory machine_with(const std::vector<double> & gpu_gib, double host_gib = 32) {
    machine_memory machine;
    for (const double size : gpu_gib) {
        const std::string name = "GPU" + std::to_string(machine.gpus.size());
        machine.gpus.push_back({name, uint64_t(size * double(gib)), uint64_t(size * double(gib)), 256 * mib, false});
    }
    machine.host_free = uint64_t(host_gib * double(gib));
    return machine;
}

placement must_find(const machine_memory & machine, const placement_wishes & wishes = {},
                    const model_needs & needs = aica()) {
    const auto found = find_placement(machine, needs, wishes);
    CHECK(found.has_value());
    return found.value_or(placement{});
}

using concessions = std::vector<concession>;

bool is_whole(const placement & p) {
    return p.n_gpu_layers() == int32_t(p.layer_gpu.size()) && p.vision_gpu >= 0;
}

/** No device beyond its limit, every part somewhere, ranges contiguous and rising, the head with the last layer. */
bool is_sound(const placement & p, const machine_memory & machine, const model_needs & needs,
              const placement_wishes & wishes) {
    device_bytes sum = p.host;
    for (size_t i = 0; i < machine.gpus.size(); i++) {
        const device_bytes & d = p.gpus[i];
        sum.weights += d.weights;
        sum.vision += d.vision;
        sum.self_cache += d.self_cache;
        sum.cross_cache += d.cross_cache;
        if (p.uses_gpu(int32_t(i)) && d.total() + machine.gpus[i].reserve > usable_bytes(machine.gpus[i], wishes)) {
            return false;
        }
        if (!p.uses_gpu(int32_t(i)) && d.total() > 0) {
            return false;
        }
    }
    uint64_t weights = needs.output + needs.tables, self = 0, cross = 0;
    for (size_t il = 0; il < needs.layers.size(); il++) {
        weights += needs.layers[il];
        const int64_t cells = needs.is_cross[il] ? p.n_images * needs.slot_cells : padded_cells(p.n_ctx);
        (needs.is_cross[il] ? cross : self) += 2 * uint64_t(cells) * cache_row_bytes(p.kv_type, needs.n_embd_kv);
    }
    return sum.weights == weights && sum.vision == needs.vision && sum.self_cache == self && sum.cross_cache == cross &&
           p.host.total() <= usable_host_bytes(machine, wishes) &&
           std::is_sorted(p.layer_gpu.begin(), p.layer_gpu.end()) &&
           (p.layer_gpu.empty() || p.output_gpu == p.layer_gpu.back());
}

/** What of a placement is better when smaller, as the order of the planner has it. */
std::tuple<bool, int64_t, int, int32_t, int32_t, bool> rank(const placement & p) {
    const int32_t n_layer = int32_t(p.layer_gpu.size());
    return {p.n_gpu_layers() < n_layer, -p.n_ctx, int(p.kv_type), -p.n_images, -p.n_gpu_layers(), p.vision_gpu < 0};
}

// --- the machines people have --------------------------------------------------------------------------------------

void eight_gib_hold_the_model_with_images_and_context() {
    const placement p = must_find(machine_with({8}));
    CHECK(is_whole(p) && p.n_ctx == 8192 && p.n_images == 4 && p.kv_type == cache_type::f16 && p.concessions.empty());
    CHECK(p.host.weights == aica().tables && p.host.self_cache == 0);
    // what the system itself and a desktop hold of such a card
    CHECK(is_whole(must_find(machine_with({7.4}))));
}

void six_gib_hold_all_layers_with_the_tower_on_the_host() {
    const placement p = must_find(machine_with({6}));
    CHECK(p.n_gpu_layers() == 35 && p.vision_gpu == on_host && p.n_ctx == 8192 && p.n_images == 4);
    CHECK((p.concessions == concessions{concession::vision_on_host}));
}

void four_gib_give_up_what_they_must_in_order() {
    const placement p = must_find(machine_with({4}));
    CHECK(p.uses_any_gpu());
    if (p.n_gpu_layers() == 35) {
        CHECK(p.vision_gpu == on_host && p.n_images < 4);
    }
    placement_wishes q8;
    q8.kv_types       = {cache_type::f16, cache_type::q8_0};
    const placement r = must_find(machine_with({4}), q8);
    CHECK(r.n_ctx >= p.n_ctx && rank(r) <= rank(p));
}

void large_cards_give_up_nothing() {
    for (const double size : {12., 24., 80.}) {
        const placement p = must_find(machine_with({size}));
        CHECK(is_whole(p) && p.concessions.empty() && p.n_ctx == 8192);
    }
    placement_wishes wide;
    wide.n_ctx    = 131072;
    wide.n_images = 16;
    CHECK(is_whole(must_find(machine_with({80}), wide)));
}

void a_model_that_one_card_holds_is_not_split() {
    const placement p = must_find(machine_with({24, 24}));
    CHECK(is_whole(p) && !p.uses_gpu(1) && p.output_gpu == 0);
    const placement q = must_find(machine_with({3, 24})); // the first is too small: alone on the second
    CHECK(is_whole(q) && !q.uses_gpu(0) && q.output_gpu == 1);
}

void two_cards_hold_what_one_does_not() {
    const placement p = must_find(machine_with({5, 5}));
    CHECK(is_whole(p) && p.uses_gpu(0) && p.uses_gpu(1) && p.output_gpu == 1 && p.concessions.empty());
    CHECK(p.gpus[0].self_cache > 0 && p.gpus[1].self_cache > 0); // keys and values lie with their layers
}

void memory_that_others_hold_does_not_count() {
    machine_memory machine  = machine_with({24});
    machine.gpus[0].free    = 5 * gib;
    const placement shared  = must_find(machine);
    const placement smaller = must_find(machine_with({5}));
    CHECK(shared.layer_gpu == smaller.layer_gpu && shared.n_images == smaller.n_images);
    machine.gpus[0].free = 100 * mib;
    const placement none = must_find(machine);
    CHECK(!none.uses_any_gpu() && (none.concessions == concessions{concession::no_gpu}) && none.n_ctx == 8192);
}

void layers_that_do_not_fit_stay_on_the_host_with_their_caches() {
    model_needs large = aica();
    large.layers.assign(35, 400 * mib);
    const placement p = must_find(machine_with({8}, 64), {}, large);
    CHECK(p.n_gpu_layers() > 5 && p.n_gpu_layers() < 20 && p.layer_gpu.front() == on_host && p.layer_gpu.back() == 0);
    CHECK(p.host.self_cache > 0 && p.gpus[0].self_cache > 0);
    CHECK(p.n_ctx == 8192 && p.n_images == 4); // context is not given up for one more layer
    CHECK(std::count(p.concessions.begin(), p.concessions.end(), concession::layers_on_host) == 1);
}

void the_host_alone_gives_up_caches_too() {
    const placement p = must_find(machine_with({}, 32));
    CHECK(!p.uses_any_gpu() && p.concessions.empty() && p.n_ctx == 8192 && p.output_gpu == on_host);
    const placement tight = must_find(machine_with({}, 6.2));
    CHECK(!tight.concessions.empty() && (tight.n_images < 4 || tight.n_ctx < 8192));
}

void integrated_gpus_take_from_the_host() {
    machine_memory machine        = machine_with({16}, 16);
    machine.gpus[0].is_integrated = true;
    CHECK(is_whole(must_find(machine)));
    machine.host_free = 5 * gib;
    const auto found  = find_placement(machine, aica(), {});
    CHECK(!found || found->gpus[0].total() + found->host.total() <= uint64_t(0.9 * 5 * double(gib)));
}

// --- wishes --------------------------------------------------------------------------------------------------------

/** What plan_placement refuses with; a shortage of nothing when it does not. */
memory_shortage refusal(const machine_memory & machine, const placement_wishes & wishes, std::string * text = nullptr) {
    try {
        plan_placement(machine, aica(), wishes);
        CHECK(false);
    } catch (const error & e) {
        CHECK(e.code() == error_code::out_of_memory && e.shortage() != nullptr);
        if (text != nullptr) {
            *text = e.what();
        }
        return *e.shortage();
    }
    return {};
}

void a_wish_is_kept_or_refused_with_what_would_fit() {
    placement_wishes all_layers;
    all_layers.n_gpu_layers = 99;
    CHECK(must_find(machine_with({8}), all_layers).n_gpu_layers() == 35);
    std::string text;
    const memory_shortage few = refusal(machine_with({2}), all_layers, &text);
    CHECK(few.device == "GPU0" && few.needed > few.available && few.available == uint64_t(1.8 * double(gib)));
    CHECK(few.would_fit && few.would_fit->n_gpu_layers && *few.would_fit->n_gpu_layers < 35 && !few.would_fit->n_ctx);
    CHECK(text.find("it fits with gpuLayers ") != std::string::npos);

    placement_wishes long_context;
    long_context.n_ctx            = 1 << 20; // 112 GiB of keys and values
    const memory_shortage no_room = refusal(machine_with({8}, 7), long_context);
    CHECK(no_room.device == "CPU" && no_room.would_fit && no_room.would_fit->n_ctx == 8192);

    placement_wishes exact;
    exact.kv_types = {cache_type::f32};
    exact.n_ctx    = 8192;
    exact.n_images = 4;
    CHECK(must_find(machine_with({24}), exact).kv_type == cache_type::f32);
    const memory_shortage half = refusal(machine_with({}, 7.4), exact);
    CHECK(half.would_fit && (half.would_fit->kv_type || half.would_fit->n_images || half.would_fit->n_ctx));

    placement_wishes on_gpu;
    on_gpu.needs_gpu                = true;
    const memory_shortage too_small = refusal(machine_with({0.5}), on_gpu);
    CHECK(too_small.would_fit && too_small.would_fit->device == "cpu");

    const memory_shortage hopeless = refusal(machine_with({}, 1), {});
    CHECK(!hopeless.would_fit && hopeless.needed > hopeless.available);
}

void a_number_of_layers_keeps_to_that_number() {
    for (const int32_t n : {0, 1, 10, 34, 35}) {
        placement_wishes wishes;
        wishes.n_gpu_layers = n;
        const placement p   = must_find(machine_with({80}), wishes);
        CHECK(p.n_gpu_layers() == n && p.vision_gpu == 0);
        CHECK(std::count(p.concessions.begin(), p.concessions.end(), concession::layers_on_host) == 0);
    }
    placement_wishes wishes;
    wishes.n_gpu_layers = 20;
    CHECK(must_find(machine_with({}), wishes).n_gpu_layers() == 0); // no GPU: nothing to keep
}

void limits_bound_what_is_planned() {
    placement_wishes wishes;
    wishes.limits.max_gpu_bytes = 6 * gib;
    const placement p           = must_find(machine_with({80}), wishes);
    CHECK(p.gpus[0].total() + 256 * mib <= 6 * gib && p.vision_gpu == on_host);
    wishes.limits.max_gpu_bytes = 0;
    wishes.limits.share         = 0.1;
    CHECK(must_find(machine_with({80}, 64), wishes).gpus[0].total() <= 8 * gib);
}

// --- any machine, any model ----------------------------------------------------------------------------------------

template <typename T> T pick(std::mt19937 & random, std::initializer_list<T> values) {
    return values.begin()[random() % values.size()];
}

model_needs random_model(std::mt19937 & random) {
    model_needs needs;
    const size_t n_layer = 1 + random() % 60;
    for (size_t il = 0; il < n_layer; il++) {
        needs.layers.push_back((1 + random() % 400) * mib);
        needs.is_cross.push_back(random() % 5 == 0);
    }
    needs.output         = random() % 800 * mib;
    needs.vision         = random() % 2000 * mib;
    needs.tables         = random() % 600 * mib;
    needs.n_embd_kv      = 1024;
    needs.n_embd_head    = pick<int64_t>(random, {16, 128});
    needs.slot_cells     = 256 * int64_t(1 + random() % 26);
    needs.n_ctx_max      = pick<int64_t>(random, {512, 2048, 5000, 131072});
    needs.text_scratch   = random() % 300 * mib;
    needs.cell_scratch   = 1024;
    needs.vision_scratch = random() % 600 * mib;
    needs.host_scratch   = random() % 50 * mib;
    needs.staging        = random() % 500 * mib;
    return needs;
}

machine_memory random_machine(std::mt19937 & random) {
    std::vector<double> sizes;
    for (size_t i = random() % 4; i > 0; i--) {
        sizes.push_back(pick<double>(random, {4, 6, 8, 12, 24, 80}));
    }
    machine_memory machine = machine_with(sizes, double(1 + random() % 64));
    for (gpu_memory & gpu : machine.gpus) {
        gpu.free          = gpu.total / 100 * (random() % 101); // other processes hold the rest
        gpu.is_integrated = random() % 16 == 0;
    }
    return machine;
}

placement_wishes random_wishes(std::mt19937 & random) {
    placement_wishes wishes;
    if (random() % 4 == 0) {
        wishes.n_gpu_layers = int32_t(random() % 70);
    }
    if (random() % 4 == 0) {
        wishes.n_ctx = 256 * int64_t(1 + random() % 128);
    }
    if (random() % 4 == 0) {
        wishes.n_images = 1 + int32_t(random() % 16);
    }
    if (random() % 2 == 0) {
        wishes.kv_types = {cache_type::f16, cache_type::q8_0};
    }
    wishes.limits.share = pick<double>(random, {0.3, 0.9, 1.0});
    wishes.needs_gpu    = random() % 6 == 0;
    return wishes;
}

bool keeps(const placement & p, const placement_wishes & wishes, const machine_memory & machine) {
    const int32_t n_layer = int32_t(p.layer_gpu.size());
    return (!wishes.n_gpu_layers || machine.gpus.empty() ||
            p.n_gpu_layers() == std::min(*wishes.n_gpu_layers, n_layer)) &&
           (!wishes.n_ctx || p.n_ctx == *wishes.n_ctx) && (!wishes.n_images || p.n_images == *wishes.n_images) &&
           std::count(wishes.kv_types.begin(), wishes.kv_types.end(), p.kv_type) == 1 &&
           (!wishes.needs_gpu || p.uses_any_gpu());
}

/** Applies options to wishes, and to the machine where they leave its GPUs out. */
placement_wishes changed(placement_wishes wishes, const fitting_options & options, machine_memory & machine) {
    if (options.device) {
        wishes.needs_gpu = false;
        machine.gpus.clear();
    }
    if (options.n_gpu_layers) {
        wishes.n_gpu_layers = options.n_gpu_layers;
    }
    if (options.n_ctx) {
        wishes.n_ctx = options.n_ctx;
    }
    if (options.n_images) {
        wishes.n_images = options.n_images;
    }
    if (options.kv_type) {
        wishes.kv_types = {*options.kv_type};
    }
    return wishes;
}

void every_plan_fits_and_more_memory_is_never_worse() {
    std::mt19937 random(7);
    int n_found = 0, n_refused = 0, n_helped = 0, n_split = 0;
    for (int round = 0; round < 3000; round++) {
        const model_needs needs       = random_model(random);
        const machine_memory machine  = random_machine(random);
        const placement_wishes wishes = random_wishes(random);
        machine_memory richer         = machine;
        richer.host_free += random() % 8 * gib;
        for (gpu_memory & gpu : richer.gpus) {
            gpu.free += random() % 8 * gib;
        }
        const auto found  = find_placement(machine, needs, wishes);
        const auto better = find_placement(richer, needs, wishes);
        if (found) {
            n_found++;
            n_split += found->uses_any_gpu() && found->layer_gpu.back() != found->layer_gpu.front();
            CHECK(is_sound(*found, machine, needs, wishes) && keeps(*found, wishes, machine));
            CHECK(better.has_value() && rank(*better) <= rank(*found));
            continue;
        }
        n_refused++;
        try {
            plan_placement(machine, needs, wishes);
            CHECK(false);
        } catch (const error & e) {
            CHECK(e.code() == error_code::out_of_memory && e.shortage() && e.shortage()->needed > 0);
            if (const auto & options = e.shortage()->would_fit) {
                n_helped++;
                machine_memory used = machine;
                const auto other    = changed(wishes, *options, used);
                CHECK(find_placement(used, needs, other).has_value());
            }
        }
    }
    printf("%d plans, %d of them over several devices; %d refusals, %d with options that fit\n", n_found, n_split,
           n_refused, n_helped);
    CHECK(n_found > 500 && n_refused > 100 && n_helped > 20 && n_split > 100);
}

} // namespace

int main() {
    eight_gib_hold_the_model_with_images_and_context();
    six_gib_hold_all_layers_with_the_tower_on_the_host();
    four_gib_give_up_what_they_must_in_order();
    large_cards_give_up_nothing();
    a_model_that_one_card_holds_is_not_split();
    two_cards_hold_what_one_does_not();
    memory_that_others_hold_does_not_count();
    layers_that_do_not_fit_stay_on_the_host_with_their_caches();
    the_host_alone_gives_up_caches_too();
    integrated_gpus_take_from_the_host();
    a_wish_is_kept_or_refused_with_what_would_fit();
    a_number_of_layers_keeps_to_that_number();
    limits_bound_what_is_planned();
    every_plan_fits_and_more_memory_is_never_worse();
    return check::summary();
}
