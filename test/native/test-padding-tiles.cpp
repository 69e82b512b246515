// Padding tiles that begin alike are computed once: what comes out is what comes out when each is computed. Tiles that
// begin differently are found, in whichever table they differ.

#include "check.h"
#include "context.h"
#include "memory-plan.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"
#include "vision-rows.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

using namespace bllossom;

namespace {

const temp_dir dir;

constexpr int32_t n_ratios = 8;
constexpr int32_t slot     = 1; // not the first

std::string write(const tiny::model_options & options) {
    static int n_files     = 0;
    const std::string path = dir.file("tiny-" + std::to_string(n_files++) + ".gguf");
    tiny::write_model(path, options);
    return path;
}

tiny::model_options alike_options() {
    tiny::model_options options;
    options.alike_tables = tiny::ratio_tables();
    return options;
}

/** With tiles of 122 rows, and 6 filler rows. */
tiny::model_options tall_options() {
    tiny::model_options options = alike_options();
    options.image_size          = 22;
    options.patch_size          = 2;
    return options;
}

/** A model on the CPU, and a context for it. */
struct opened {
    backend_set backends;
    memory_plan plan;
    std::shared_ptr<const model> weights;
    std::unique_ptr<context> run;

    /** is_merged: take padding tiles that begin alike together, as the engine does. */
    opened(const std::string & path, bool is_merged) : backends("cpu", 2) {
        engine_options options;
        options.path             = path;
        options.device           = "cpu";
        options.context.n_ctx    = 64;
        options.context.n_images = 2;
        options.context.kv_type  = cache_type::f32;
        plan                     = plan_memory(backends, options);
        backends.set_n_threads(plan.n_threads);
        auto loaded = load_model(backends, to_load_options(options, plan.place));
        if (!is_merged) {
            loaded->vision.padding_alike.assign(loaded->hp.vision.aspect_ratios.size(), false);
        }
        weights                  = std::move(loaded);
        options.context.n_ctx    = plan.place.n_ctx;
        options.context.n_images = plan.place.n_images;
        run = std::make_unique<context>(weights, backends, plan.place, options.context, [] { return false; });
    }
};

image_input random_image(const vision_hparams & hp, int32_t aspect_ratio_id) {
    const aspect_ratio & ratio = hp.aspect_ratios[size_t(aspect_ratio_id - 1)];
    image_input image;
    image.n_tiles         = ratio.rows * ratio.cols;
    image.aspect_ratio_id = aspect_ratio_id;
    image.key             = std::to_string(aspect_ratio_id);
    image.tiles.resize(size_t(image.n_tiles) * size_t(hp.image_size) * size_t(hp.image_size) * size_t(hp.n_channels));
    std::mt19937 random(uint32_t(aspect_ratio_id) * 7);
    std::generate(image.tiles.begin(), image.tiles.end(), [&] { return uint8_t(random()); });
    return image;
}

std::vector<float> cells_of(const context & c, const ggml_tensor * cells, const cross_cache & cache) {
    std::vector<float> values(size_t(cells->ne[0] * c.get_model().hp.vision.n_rows()));
    ggml_backend_tensor_get(cells, values.data(), size_t(cache.first_cell(slot)) * cells->nb[1],
                            values.size() * sizeof(float));
    return values;
}

/** Everything that an encode leaves: features, states, keys and values of the cross layers. */
std::vector<std::vector<float>> encode(context & c, int32_t aspect_ratio_id) {
    const hparams & hp = c.get_model().hp;
    vision_probe probe;
    CHECK(c.encode(random_image(hp.vision, aspect_ratio_id), slot, &probe));
    CHECK(probe.features.size() == size_t(hp.vision.n_rows() * hp.vision.n_embd_out()));
    CHECK(probe.states.size() == size_t(hp.vision.n_rows() * hp.text.n_embd));
    std::vector<std::vector<float>> all = {probe.features, probe.states};
    for (int32_t il = 0; il < hp.text.n_layer; il++) {
        if (hp.text.is_cross[size_t(il)]) {
            all.push_back(cells_of(c, c.cross().k(il), c.cross()));
            all.push_back(cells_of(c, c.cross().v(il), c.cross()));
        }
    }
    return all;
}

/** The largest difference, of the largest magnitude. */
float difference(const std::vector<float> & a, const std::vector<float> & b) {
    CHECK(a.size() == b.size());
    float most = 0, largest = 0;
    for (size_t i = 0; i < std::min(a.size(), b.size()); i++) {
        CHECK(std::isfinite(a[i]));
        most    = std::max(most, std::fabs(a[i] - b[i]));
        largest = std::max(largest, std::fabs(b[i]));
    }
    CHECK(largest > 0);
    return most / largest;
}

void merged_tiles_change_no_number(const char * title, const tiny::model_options & options, float limit) {
    const std::string path = write(options);
    const opened merged(path, true), plain(path, false);
    const std::vector<bool> & is_alike = merged.weights->vision.padding_alike;
    CHECK(is_alike.size() == n_ratios && std::find(is_alike.begin(), is_alike.end(), false) == is_alike.end());
    float most = 0;
    for (int32_t id = 1; id <= n_ratios; id++) {
        const auto a = encode(*merged.run, id), b = encode(*plain.run, id);
        CHECK(a.size() == b.size() && a.size() == 2 + 2 * options.cross_layers.size());
        for (size_t i = 0; i < std::min(a.size(), b.size()); i++) {
            most = std::max(most, difference(a[i], b[i]));
        }
    }
    printf("%s: largest difference %.2g, limit %.2g\n", title, double(most), double(limit));
    CHECK(most <= limit);
}

void no_image_needs_more_memory_than_planned(const tiny::model_options & options, bool is_merged) {
    const opened merged(write(options), is_merged);
    const size_t reserved = merged.run->memory().devices.back().scratch;
    CHECK(reserved <= merged.plan.use().devices.back().scratch);
    for (int32_t id = 1; id <= n_ratios; id++) {
        CHECK(merged.run->encode(random_image(merged.weights->hp.vision, id), slot));
        CHECK(merged.run->memory().devices.back().scratch == reserved);
    }
}

void tiles_that_differ_in_any_table_are_found() {
    for (const std::string & table : tiny::ratio_tables()) {
        tiny::model_options options = alike_options();
        options.alike_tables.erase(table);
        const opened model(write(options), true);
        for (int32_t id = 1; id <= n_ratios; id++) {
            const aspect_ratio & ratio = model.weights->hp.vision.aspect_ratios[size_t(id - 1)];
            // A single one is alike, and so is none.
            CHECK(model.weights->vision.padding_alike[size_t(id - 1)] == (ratio.rows * ratio.cols >= 3));
        }
    }
}

/** Blocks of 32 numbers, of which a tile has 5 * 16. */
void a_block_that_two_tiles_share_makes_them_differ() {
    tiny::model_options options = alike_options();
    options.n_embd_vision       = 16;
    options.n_head_vision       = 1;
    options.vision_type         = GGML_TYPE_Q8_0;
    const opened model(write(options), true);
    CHECK(!model.weights->vision.padding_alike[0]);
    encode(*model.run, 1);
}

void rows_are_counted() {
    vision_hparams hp;
    hp.image_size            = 560;
    hp.patch_size            = 14;
    hp.max_tiles             = 4;
    const int64_t n_merged[] = {2 * 1608, 3 * 1608, 4 * 1608, 4 * 1608};
    for (int32_t n_tiles = 1; n_tiles <= 4; n_tiles++) {
        const vision_rows merged(hp, n_tiles, true), plain(hp, n_tiles, false);
        CHECK(merged.n_rows() == n_merged[n_tiles - 1] && plain.n_rows() == 4 * 1608);
        CHECK(merged.n_padding * merged.n_alike == 4 - n_tiles && plain.n_alike == 1);
        CHECK(merged.n_real_rows() == 1601 * n_tiles && plain.n_real_rows() == 1601 * n_tiles);
        CHECK(merged.n_padding_rows() == merged.n_padding_tile_rows() + 7 * n_tiles);
    }
}

} // namespace

int main() {
    rows_are_counted();
    merged_tiles_change_no_number("F32", alike_options(), 1e-5f);
    tiny::model_options options = alike_options();
    options.vision_type         = GGML_TYPE_BF16;
    merged_tiles_change_no_number("BF16", options, 1e-3f);
    options.vision_type = GGML_TYPE_Q8_0;
    merged_tiles_change_no_number("Q8_0", options, 1e-3f);
    options           = alike_options();
    options.max_tiles = 7;
    merged_tiles_change_no_number("up to six padding tiles", options, 1e-5f);
    merged_tiles_change_no_number("tiles of many rows", tall_options(), 1e-5f);
    tiny::model_options odd_heads = tall_options();
    odd_heads.n_embd_vision       = 24; // for which there are no kernels
    merged_tiles_change_no_number("heads of 12", odd_heads, 1e-5f);
    for (const bool is_merged : {true, false}) {
        no_image_needs_more_memory_than_planned(tall_options(), is_merged);
        no_image_needs_more_memory_than_planned(odd_heads, is_merged);
    }
    tiles_that_differ_in_any_table_are_found();
    a_block_that_two_tiles_share_makes_them_differ();
    return check::summary();
}
