// The order in which placements are tried, best first; the first that fits is taken. Since every placement that fits
// also fits into more memory, more memory never gives a worse one.
//
// 1. All text layers on GPUs. A token then never waits for the host, which is worth more than all that follows, so for
//    it these are given up, and only where the caller left them open:
//    a. the tower's place: from the host its weights are sent to the GPU for each new image, some 0.1 s;
//    b. images kept (4, 2, 1): another one must be encoded again when it comes back;
//    c. the caches' type, where several are allowed: Q8_0 costs a little exactness;
//    d. context (8192 halved down to 2048): it bounds what can be asked at all.
// 2. Otherwise the host computes for every token. Then nothing of the above is worth giving up for one more layer: with
//    full context and images, as many layers as fit, the last ones, before the tower.
// 3. The host alone; when even that is short, b, c and d again for 2 and 3.
//
// One GPU is preferred to several: each boundary costs a copy per token. Several hold contiguous ranges of layers, each
// as many as fit, with their keys and values; the head lies where the last layer does.

#include "placement-plan.h"

#include <algorithm>
#include <numeric>

namespace bllossom {

namespace {

constexpr int64_t default_n_ctx    = 8192;
constexpr int64_t min_auto_n_ctx   = 2048;
constexpr int32_t default_n_images = 4;

/** What the sizes of the caches depend on. */
struct cache_settings {
    int64_t n_ctx;
    cache_type kv_type;
    int32_t n_images;
};

std::vector<int64_t> context_choices(const model_needs & needs, const placement_wishes & wishes) {
    std::vector<int64_t> choices{wishes.n_ctx.value_or(std::min(needs.n_ctx_max, default_n_ctx))};
    while (!wishes.n_ctx && choices.back() / 2 >= min_auto_n_ctx) {
        choices.push_back(choices.back() / 2);
    }
    return choices;
}

std::vector<int32_t> image_choices(const placement_wishes & wishes) {
    std::vector<int32_t> choices{wishes.n_images.value_or(default_n_images)};
    while (!wishes.n_images && choices.back() > 1) {
        choices.push_back(choices.back() / 2);
    }
    return choices;
}

/** Best first. */
std::vector<cache_settings> settings_choices(const model_needs & needs, const placement_wishes & wishes) {
    std::vector<cache_settings> choices;
    for (const int64_t n_ctx : context_choices(needs, wishes)) {
        for (const cache_type type : wishes.kv_types) {
            for (const int32_t n_images : image_choices(wishes)) {
                choices.push_back({n_ctx, type, n_images});
            }
        }
    }
    return choices;
}

class planner {
  public:
    planner(const machine_memory & machine, const model_needs & needs, const placement_wishes & wishes)
        : machine_(machine), needs_(needs), wishes_(wishes), n_layer_(int32_t(needs.layers.size())),
          settings_(settings_choices(needs, wishes)) {}

    std::optional<placement> find() const {
        const int32_t most = machine_.gpus.empty() ? 0 : std::min(wishes_.n_gpu_layers.value_or(n_layer_), n_layer_);
        if (most == n_layer_ && n_layer_ > 0) {
            for (const cache_settings & settings : settings_) {
                if (auto found = try_both_towers(settings, n_layer_)) {
                    return found;
                }
            }
        }
        const int32_t least = wishes_.n_gpu_layers && !machine_.gpus.empty() ? most : 0;
        for (const cache_settings & settings : settings_) {
            for (int32_t n = std::min(most, n_layer_ - 1); n >= least; n--) {
                if (auto found = try_both_towers(settings, n)) {
                    return found;
                }
            }
        }
        return std::nullopt;
    }

    /** What the most frugal placement that was tried is short of. */
    memory_shortage shortage() const {
        const cache_settings & frugal = settings_.back();
        const bool asks_gpu = !machine_.gpus.empty() && (wishes_.n_gpu_layers.value_or(0) > 0 || wishes_.needs_gpu);
        const int32_t n     = asks_gpu ? std::min(wishes_.n_gpu_layers.value_or(1), n_layer_) : 0;

        // on one GPU without an end, which is what several do not need less than
        machine_memory endless = machine_;
        for (gpu_memory & gpu : endless.gpus) {
            gpu.free = UINT64_MAX / 4;
        }
        placement_wishes boundless = wishes_;
        boundless.limits           = {1, 0};
        const planner ideal(endless, needs_, boundless);
        const placement p = ideal.lay_out(frugal, n, on_host, {0});

        memory_shortage host{"CPU", host_bytes(p), usable_host_bytes(machine_, wishes_), std::nullopt};
        if (!asks_gpu || host.needed > host.available) {
            return host;
        }
        memory_shortage gpus{"", p.gpus.front().total() + machine_.gpus.front().reserve, 0, std::nullopt};
        for (const gpu_memory & gpu : machine_.gpus) {
            gpus.device += (gpus.device.empty() ? "" : ", ") + gpu.name;
            gpus.available += usable_bytes(gpu, wishes_);
        }
        return gpus;
    }

  private:
    std::optional<placement> try_both_towers(const cache_settings & settings, int32_t n_gpu_layers) const {
        for (const auto & gpus : gpu_choices()) {
            for (const int32_t vision_gpu : gpus) {
                if (auto found = try_one(settings, n_gpu_layers, vision_gpu, gpus)) {
                    return found;
                }
            }
        }
        for (const auto & gpus : gpu_choices()) {
            if (n_gpu_layers > 0) {
                if (auto found = try_one(settings, n_gpu_layers, on_host, gpus)) {
                    return found;
                }
            }
        }
        const bool host_alone = n_gpu_layers == 0 && !wishes_.needs_gpu;
        return host_alone ? try_one(settings, 0, on_host, {}) : std::nullopt;
    }

    /** Each GPU alone, then all of them. */
    std::vector<std::vector<int32_t>> gpu_choices() const {
        std::vector<std::vector<int32_t>> choices;
        std::vector<int32_t> all(machine_.gpus.size());
        std::iota(all.begin(), all.end(), 0);
        for (const int32_t gpu : all) {
            choices.push_back({gpu});
        }
        if (all.size() > 1) {
            choices.push_back(all);
        }
        return choices;
    }

    std::optional<placement> try_one(const cache_settings & settings, int32_t n_gpu_layers, int32_t vision_gpu,
                                     const std::vector<int32_t> & gpus) const {
        for (size_t n_used = 1; n_used <= std::max<size_t>(gpus.size(), 1); n_used++) {
            const std::vector<int32_t> used(gpus.begin(), gpus.begin() + long(std::min(n_used, gpus.size())));
            placement p = lay_out(settings, n_gpu_layers, vision_gpu, used);
            if (fits(p)) {
                p.concessions = concessions_of(p);
                return p;
            }
        }
        return std::nullopt;
    }

    /** Fills the GPUs in their order; the last takes what is left, whether it fits or not. */
    placement lay_out(const cache_settings & settings, int32_t n_gpu_layers, int32_t vision_gpu,
                      const std::vector<int32_t> & gpus) const {
        placement p;
        p.layer_gpu.assign(size_t(n_layer_), on_host);
        p.vision_gpu = vision_gpu;
        p.kv_type    = settings.kv_type;
        p.n_ctx      = settings.n_ctx;
        p.n_images   = settings.n_images;

        int32_t il = n_layer_ - n_gpu_layers;
        for (size_t i = 0; i < gpus.size() && il < n_layer_; i++) {
            const bool is_last = i + 1 == gpus.size();
            uint64_t used      = machine_.gpus[size_t(gpus[i])].reserve + (vision_gpu == gpus[i] ? needs_.vision : 0) +
                            scratch(settings, true, vision_gpu == gpus[i] || (vision_gpu == on_host && i == 0));
            const uint64_t usable = usable_bytes(machine_.gpus[size_t(gpus[i])], wishes_);
            const auto takes      = [&] { return il + 1 < n_layer_ && used + layer_bytes(settings, il) <= usable; };
            while (il < n_layer_ && (is_last || takes())) { // the last layer goes where the head has room
                used += layer_bytes(settings, il);
                p.layer_gpu[size_t(il++)] = gpus[i];
            }
        }
        p.output_gpu = n_gpu_layers > 0 && !gpus.empty() ? p.layer_gpu.back() : on_host;
        add_up(p, settings);
        return p;
    }

    /** Of a batch, of an image, or of the larger of the two: they use the same memory. */
    uint64_t scratch(const cache_settings & settings, bool text, bool vision) const {
        return std::max(text ? needs_.text_scratch + mask_bytes(settings) : 0, vision ? needs_.vision_scratch : 0);
    }

    uint64_t mask_bytes(const cache_settings & settings) const {
        return needs_.cell_scratch *
               uint64_t(padded_cells(settings.n_ctx) + int64_t(settings.n_images) * needs_.slot_cells);
    }

    uint64_t cache_bytes(const cache_settings & settings, int32_t il) const {
        const int64_t n_cells =
            needs_.is_cross[size_t(il)] ? int64_t(settings.n_images) * needs_.slot_cells : padded_cells(settings.n_ctx);
        return 2 * uint64_t(n_cells) * cache_row_bytes(settings.kv_type, needs_.n_embd_kv);
    }

    uint64_t layer_bytes(const cache_settings & settings, int32_t il) const {
        return needs_.layers[size_t(il)] + cache_bytes(settings, il);
    }

    void add_up(placement & p, const cache_settings & settings) const {
        p.gpus.assign(machine_.gpus.size(), {});
        const auto on = [&](int32_t gpu) -> device_bytes & { return gpu == on_host ? p.host : p.gpus[size_t(gpu)]; };
        for (int32_t il = 0; il < n_layer_; il++) {
            device_bytes & device = on(p.layer_gpu[size_t(il)]);
            device.weights += needs_.layers[size_t(il)];
            (needs_.is_cross[size_t(il)] ? device.cross_cache : device.self_cache) += cache_bytes(settings, il);
        }
        on(p.output_gpu).weights += needs_.output;
        on(p.vision_gpu).vision += needs_.vision;
        p.host.weights += needs_.tables;

        // Large batches of what lies on the host go to the first GPU in use.
        const int32_t first_gpu = first_used(p);
        for (int32_t gpu = 0; gpu < int32_t(p.gpus.size()); gpu++) {
            const bool has_layers       = std::count(p.layer_gpu.begin(), p.layer_gpu.end(), gpu) > 0;
            const bool takes_text       = has_layers || (gpu == first_gpu && p.n_gpu_layers() < n_layer_);
            const bool takes_vision     = p.vision_gpu == gpu || (gpu == first_gpu && p.vision_gpu == on_host);
            p.gpus[size_t(gpu)].scratch = scratch(settings, takes_text, takes_vision);
        }
        const bool host_computes = p.n_gpu_layers() < n_layer_;
        p.host.scratch           = first_gpu == on_host ? scratch(settings, true, true)
                                   : host_computes      ? std::max(scratch(settings, true, false), needs_.host_scratch)
                                                        : needs_.host_scratch + mask_bytes(settings);
    }

    static int32_t first_used(const placement & p) {
        for (int32_t gpu = 0; gpu < int32_t(p.gpus.size()); gpu++) {
            if (p.uses_gpu(gpu)) {
                return gpu;
            }
        }
        return on_host;
    }

    /** Loading reads through a buffer that is gone before anything is computed. */
    uint64_t host_bytes(const placement & p) const {
        const device_bytes & host = p.host;
        return machine_.host_reserve + host.weights + host.vision +
               std::max(host.self_cache + host.cross_cache + host.scratch, needs_.staging);
    }

    bool fits(const placement & p) const {
        uint64_t on_the_host = host_bytes(p);
        for (int32_t gpu = 0; gpu < int32_t(p.gpus.size()); gpu++) {
            const gpu_memory & memory = machine_.gpus[size_t(gpu)];
            const uint64_t needed     = p.gpus[size_t(gpu)].total() + memory.reserve;
            if (p.uses_gpu(gpu)) {
                if (needed > usable_bytes(memory, wishes_)) {
                    return false;
                }
                on_the_host += memory.is_integrated ? needed : 0;
            }
        }
        return on_the_host <= usable_host_bytes(machine_, wishes_);
    }

    std::vector<concession> concessions_of(const placement & p) const {
        const cache_settings & best = settings_.front();
        std::vector<concession> list;
        const auto add = [&](bool given_up, concession what) {
            if (given_up) {
                list.push_back(what);
            }
        };
        add(p.uses_any_gpu() && p.vision_gpu == on_host, concession::vision_on_host);
        add(p.n_images < best.n_images, concession::fewer_images);
        add(p.kv_type != best.kv_type, concession::smaller_cache_type);
        add(p.n_ctx < best.n_ctx, concession::smaller_context);
        add(p.uses_any_gpu() && !wishes_.n_gpu_layers && p.n_gpu_layers() < n_layer_, concession::layers_on_host);
        add(!p.uses_any_gpu() && !machine_.gpus.empty(), concession::no_gpu);
        return list;
    }

    const machine_memory & machine_;
    const model_needs & needs_;
    const placement_wishes & wishes_;
    int32_t n_layer_;
    std::vector<cache_settings> settings_;
};

} // namespace

int32_t placement::n_gpu_layers() const {
    return int32_t(layer_gpu.size()) - int32_t(std::count(layer_gpu.begin(), layer_gpu.end(), on_host));
}

bool placement::uses_gpu(int32_t gpu) const {
    return vision_gpu == gpu || std::count(layer_gpu.begin(), layer_gpu.end(), gpu) > 0;
}

bool placement::uses_any_gpu() const {
    return vision_gpu != on_host || n_gpu_layers() > 0;
}

uint64_t usable_bytes(const gpu_memory & gpu, const placement_wishes & wishes) {
    const auto part = uint64_t(double(gpu.free) * wishes.limits.share);
    return wishes.limits.max_gpu_bytes > 0 ? std::min(part, wishes.limits.max_gpu_bytes) : part;
}

uint64_t usable_host_bytes(const machine_memory & machine, const placement_wishes & wishes) {
    return uint64_t(double(machine.host_free) * wishes.limits.share);
}

std::optional<placement> find_placement(const machine_memory & machine, const model_needs & needs,
                                        const placement_wishes & wishes) {
    return planner(machine, needs, wishes).find();
}

memory_shortage find_shortage(const machine_memory & machine, const model_needs & needs,
                              const placement_wishes & wishes) {
    return planner(machine, needs, wishes).shortage();
}

} // namespace bllossom
