// AICA-5B on the GPUs that people have: planned from a file of its real sizes, on simulated devices.

#include "check.h"
#include "memory-plan.h"
#include "support/simulated-gpu.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"

#include <algorithm>
#include <string>
#include <vector>

using namespace bllossom;

namespace {

const temp_dir dir;

constexpr double gib = double(size_t(1) << 30);

std::string outline(ggml_type vision_type) {
    const std::string path = dir.file(std::string(ggml_type_name(vision_type)) + ".gguf");
    tiny::write_outline(path, tiny::aica_options(vision_type));
    return path;
}

/** Plans for GPUs of so many GiB, of which other processes hold some. */
memory_plan plan_for(const std::string & path, const std::vector<double> & sizes, double held = 0) {
    for (int i = 0; i < 2; i++) {
        const double size = size_t(i) < sizes.size() ? sizes[size_t(i)] : 0;
        sim::device(i).set_memory(size_t(size * gib), size_t(std::min(held, size) * gib));
    }
    engine_options options;
    options.path           = path;
    const memory_plan plan = plan_memory(backend_set("auto", 2), options);

    for (const double size : sizes) {
        printf("%.0f GiB, ", size);
    }
    printf("%.1f held: %d layers, context %lld, %d images, tower on %s\n", held, plan.place.n_gpu_layers(),
           (long long) plan.place.n_ctx, plan.place.n_images, plan.place.vision_gpu == on_host ? "the host" : "a GPU");
    for (const planned_device & device : plan.devices) {
        printf("    %-5s text %.2f, vision %.2f, caches %.2f, scratch %.2f, reserve %.2f: %.2f of %.2f GiB\n",
               device.name.c_str(), double(device.weights) / gib, double(device.vision) / gib,
               double(device.self_cache + device.cross_cache) / gib, double(device.scratch) / gib,
               double(device.reserve) / gib, double(device.total() + device.reserve) / gib, double(device.limit) / gib);
        CHECK(device.total() + device.reserve <= device.limit && device.limit <= device.memory_free);
    }
    return plan;
}

bool is_whole(const memory_plan & plan) {
    return plan.place.n_gpu_layers() == 35 && plan.place.vision_gpu != on_host;
}

void eight_gib_hold_it_with_images_and_a_context_of_8192(const std::string & path) {
    for (const double held : {0.0, 0.4}) { // a desktop's own share
        const memory_plan plan = plan_for(path, {8}, held);
        CHECK(is_whole(plan) && plan.place.n_ctx == 8192 && plan.place.n_images >= 1);
        CHECK(plan.place.kv_type == cache_type::f16);
        CHECK(plan.devices.back().self_cache == 0 && plan.devices.back().cross_cache == 0);
    }
}

void every_size_of_gpu_has_a_plan(const std::string & path) {
    int32_t before = 0;
    for (const double size : {4.0, 6.0, 12.0, 24.0, 80.0}) {
        const memory_plan plan = plan_for(path, {size});
        CHECK(plan.place.n_gpu_layers() >= before && plan.place.n_gpu_layers() > 0);
        CHECK(size < 12 || (is_whole(plan) && plan.place.concessions.empty()));
        before = plan.place.n_gpu_layers();
    }
    CHECK(!plan_for(path, {80}, 79.8).place.uses_any_gpu());
}

void two_gpus_hold_what_one_does_not(const std::string & path) {
    const memory_plan plan = plan_for(path, {4, 6});
    CHECK(is_whole(plan) && plan.devices.size() == 3);
    CHECK(plan.devices[0].n_layers > 0 && plan.devices[1].n_layers > 0);
    CHECK(plan_for(path, {24, 24}).devices.size() == 2); // one is enough
}

} // namespace

int main() {
    for (const ggml_type vision_type : {GGML_TYPE_Q8_0, GGML_TYPE_BF16}) {
        const std::string path = outline(vision_type);
        eight_gib_hold_it_with_images_and_a_context_of_8192(path);
        every_size_of_gpu_has_a_plan(path);
        two_gpus_hold_what_one_does_not(path);
    }
    return check::summary();
}
