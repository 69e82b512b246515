#include "fitting-options.h"

#include "error.h"

#include <algorithm>
#include <functional>

namespace bllossom {

namespace {

/** The options that differ between a placement that was found with looser wishes and the wishes themselves. */
fitting_options changed_options(const placement & found, const placement_wishes & wishes) {
    fitting_options options;
    if (wishes.needs_gpu && !found.uses_any_gpu()) {
        options.device = "cpu";
    } else if (wishes.n_gpu_layers && *wishes.n_gpu_layers != found.n_gpu_layers()) {
        options.n_gpu_layers = found.n_gpu_layers();
    }
    if (std::count(wishes.kv_types.begin(), wishes.kv_types.end(), found.kv_type) == 0) {
        options.kv_type = found.kv_type;
    }
    if (wishes.n_images && found.n_images < *wishes.n_images) {
        options.n_images = found.n_images;
    }
    if (wishes.n_ctx && found.n_ctx < *wishes.n_ctx) {
        options.n_ctx = found.n_ctx;
    }
    return options;
}

/** One wish less at a time, then all: the fewest changes first. Empty where the model fits with no options at all. */
std::optional<fitting_options> find_options(const machine_memory & machine, const model_needs & needs,
                                            const placement_wishes & wishes) {
    std::vector<cache_type> kv_types{cache_type::f16};
    if (needs.n_embd_head % cache_block(cache_type::q8_0) == 0) {
        kv_types.push_back(cache_type::q8_0);
    }
    const std::function<void(placement_wishes &)> changes[] = {
        [](placement_wishes & w) { w.n_gpu_layers.reset(); }, [](placement_wishes & w) { w.n_images.reset(); },
        [&](placement_wishes & w) { w.kv_types = kv_types; }, [](placement_wishes & w) { w.n_ctx.reset(); },
        [](placement_wishes & w) { w.needs_gpu = false; },
    };
    placement_wishes none = wishes;
    for (const auto & free : changes) {
        placement_wishes one = wishes;
        free(one);
        if (const auto found = find_placement(machine, needs, one)) {
            return changed_options(*found, wishes);
        }
        free(none);
    }
    const auto found = find_placement(machine, needs, none);
    return found ? std::optional(changed_options(*found, wishes)) : std::nullopt;
}

std::string describe(const fitting_options & options) {
    std::string text;
    const auto add = [&](const std::string & option) { text += (text.empty() ? "" : ", ") + option; };
    if (options.device) {
        add("the device \"" + *options.device + "\"");
    }
    if (options.n_gpu_layers) {
        add("gpuLayers " + std::to_string(*options.n_gpu_layers));
    }
    if (options.n_images) {
        add("maxImages " + std::to_string(*options.n_images));
    }
    if (options.kv_type) {
        add(std::string("kvCacheType ") + cache_type_name(*options.kv_type));
    }
    if (options.n_ctx) {
        add("contextSize " + std::to_string(*options.n_ctx));
    }
    return text;
}

} // namespace

placement plan_placement(const machine_memory & machine, const model_needs & needs, const placement_wishes & wishes) {
    if (auto found = find_placement(machine, needs, wishes)) {
        return *found;
    }
    memory_shortage shortage = find_shortage(machine, needs, wishes);
    shortage.would_fit       = find_options(machine, needs, wishes);
    const std::string help   = shortage.would_fit ? "it fits with " + describe(*shortage.would_fit)
                                                  : "free memory, or use a smaller quantization";
    throw error(format("the model needs %llu MiB on %s with these options, %llu MiB may be used (maxMemoryUsage: %g of "
                       "what is free): %s",
                       (unsigned long long) (shortage.needed >> 20), shortage.device.c_str(),
                       (unsigned long long) (shortage.available >> 20), wishes.limits.share, help.c_str()),
                shortage);
}

} // namespace bllossom
