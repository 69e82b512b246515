// Files that are consistent in themselves, but unlike any Mllama: each must run to finite logits or be refused.

#include "check.h"
#include "error.h"
#include "support/run-model.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

using namespace bllossom;

namespace {

struct odd_model {
    const char * name;
    bool runs;
    std::function<void(tiny::model_options &)> change;
};

const std::vector<odd_model> odd_models = {
    {"one head of 64", true, [](auto & o) { o.n_head = o.n_head_kv = 1; }},
    {"as many key heads as query heads", true, [](auto & o) { o.n_head = o.n_head_kv = 4; }},
    {"head size 2", true, [](auto & o) { o.n_head = 32, o.n_head_kv = 8; }},
    {"head size 6", true, [](auto & o) { o.n_embd = 48, o.n_head = 8, o.n_head_kv = 2; }},
    {"head size 3", false, [](auto & o) { o.n_embd = 96, o.n_head = 32, o.n_head_kv = 8; }},
    {"head size 640", true,
     [](auto & o) { o.n_embd = 1280, o.n_head = 2, o.n_head_kv = 1, o.n_layer = 2, o.cross_layers = {1}; }},
    {"2 key heads for 3 query heads", false, [](auto & o) { o.n_embd = 96, o.n_head = 3; }},
    {"cross layer first", true, [](auto & o) { o.cross_layers = {0}; }},
    {"cross layer last", true, [](auto & o) { o.cross_layers = {4}; }},
    {"one self layer", true,
     [](auto & o) {
         o.cross_layers = {0, 1, 2, 3};
     }},
    {"no cross layer", false, [](auto & o) { o.cross_layers = {}; }},
    {"only cross layers", false,
     [](auto & o) {
         o.cross_layers = {0, 1, 2, 3, 4};
     }},
    {"feed-forward width 1", true, [](auto & o) { o.n_ff = 1; }},
    {"100 layers", true, [](auto & o) { o.n_layer = 100; }},
    {"vision head size 1", true, [](auto & o) { o.n_head_vision = 32; }},
    {"vision head size 5", true, [](auto & o) { o.n_embd_vision = 15, o.n_head_vision = 3; }},
    {"vision head size 600", true, [](auto & o) { o.n_embd_vision = 600, o.n_head_vision = 1; }},
    {"vision width 1", true, [](auto & o) { o.n_embd_vision = 1, o.n_head_vision = 1; }},
    {"vision heads that do not divide", false, [](auto & o) { o.n_head_vision = 3; }},
    {"no intermediate layer", true, [](auto & o) { o.intermediates = {}; }},
    {"every intermediate layer", true,
     [](auto & o) {
         o.intermediates = {0, 1, 2, 3, 4};
     }},
    {"one patch per tile", true, [](auto & o) { o.patch_size = 28; }},
    {"patches of one pixel", true, [](auto & o) { o.patch_size = 1, o.image_size = 7; }},
    {"tile of one pixel", true, [](auto & o) { o.patch_size = o.image_size = 1; }},
    {"rows of a tile a multiple of 8", true,
     [](auto & o) { o.patch_size = 2, o.image_size = 22; }}, // 121 patches + class
    {"patches that do not divide the tile", false, [](auto & o) { o.patch_size = 13; }},
    {"64 tiles", true, [](auto & o) { o.max_tiles = 64; }},
    {"65 tiles", false, [](auto & o) { o.max_tiles = 65; }},
    {"fewer tiles than the canvases need", false, [](auto & o) { o.max_tiles = 3; }},
    {"tied head", true, [](auto & o) { o.tied_head = true; }},
};

const std::vector<ggml_type> types = {GGML_TYPE_F32,  GGML_TYPE_F16,    GGML_TYPE_BF16,  GGML_TYPE_Q4_0,
                                      GGML_TYPE_Q4_1, GGML_TYPE_Q5_0,   GGML_TYPE_Q5_1,  GGML_TYPE_Q8_0,
                                      GGML_TYPE_Q2_K, GGML_TYPE_Q3_K,   GGML_TYPE_Q4_K,  GGML_TYPE_Q5_K,
                                      GGML_TYPE_Q6_K, GGML_TYPE_IQ4_NL, GGML_TYPE_IQ4_XS};

/** Empty: it ran. */
std::string outcome(const tiny::model_options & model, const context_options & context) {
    const temp_dir dir;
    const std::string path = dir.file("odd.gguf");
    tiny::write_model(path, model);
    try {
        tiny::run_model(path, context);
        return "";
    } catch (const error & e) {
        return std::string(error_code_name(e.code())) + ": " + e.what();
    }
}

void expect(const char * name, bool runs, const tiny::model_options & model) {
    const std::string seen = outcome(model, tiny::small_context());
    const bool as_expected = runs ? seen.empty() : seen.rfind("ERR_MODEL_FORMAT", 0) == 0;
    if (!as_expected) {
        fprintf(stderr, "%s: %s\n", name, seen.empty() ? "ran" : seen.c_str());
    }
    CHECK(as_expected);
}

struct odd_context {
    const char * name;
    const char * expected; // the code, empty: it runs
    int64_t n_ctx;
    int32_t n_batch;
    int32_t n_images;
    cache_type kv_type = cache_type::f16;
};

const std::vector<odd_context> odd_contexts = {
    {"one position", "ERR_CONTEXT_FULL", 1, 1, 1},
    {"one row per graph", "", 64, 1, 1},
    {"a batch over the context", "", 64, 4096, 1},
    {"a batch that no memory holds", "ERR_OUT_OF_MEMORY", 1 << 20, 1 << 20, 1},
    {"f32 caches", "", 64, 16, 1, cache_type::f32},
    {"quantized caches", "", 64, 16, 1, cache_type::q8_0},
};

void check_contexts() {
    tiny::model_options model; // one key head of 32: a block of Q8_0, and a small cell
    model.n_head    = 2;
    model.n_head_kv = 1;
    for (const odd_context & odd : odd_contexts) {
        context_options context;
        context.n_ctx          = odd.n_ctx;
        context.n_batch        = odd.n_batch;
        context.n_images       = odd.n_images;
        context.kv_type        = odd.kv_type;
        const std::string seen = outcome(model, context);
        const bool as_expected = seen.substr(0, seen.find(':')) == odd.expected;
        if (!as_expected) {
            fprintf(stderr, "%s: %s\n", odd.name, seen.empty() ? "ran" : seen.c_str());
        }
        CHECK(as_expected);
    }
}

} // namespace

int main() {
    for (const odd_model & odd : odd_models) {
        tiny::model_options model;
        odd.change(model);
        expect(odd.name, odd.runs, model);
    }
    for (const ggml_type type : types) {
        auto model = tiny::q4_k_options();
        model.type = type;
        for (const bool tied : {false, true}) {
            model.tied_head = tied;
            expect(ggml_type_name(type), true, model);
        }
    }
    check_contexts();
    return check::summary();
}
