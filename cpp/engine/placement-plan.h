#pragma once
// Where the parts of a model go, and how large its caches are: decided from numbers alone, before anything is
// allocated. Knows no ggml; memory-plan.h finds the numbers and measures the outcome.

#include "memory-limits.h"
#include "memory-shortage.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bllossom {

struct gpu_memory {
    std::string name; // "CUDA0"
    uint64_t free      = 0;
    uint64_t total     = 0;
    uint64_t reserve   = 0;     // what its backend takes beside what is planned
    bool is_integrated = false; // its memory is the host's
};

struct machine_memory {
    std::vector<gpu_memory> gpus; // that may be used, in the order of the layers
    uint64_t host_free    = 0;
    uint64_t host_reserve = 0;
};

/** Bytes of the parts of a model, and of computing with it. */
struct model_needs {
    std::vector<uint64_t> layers; // weights of each text layer
    std::vector<bool> is_cross;   // [layers]
    uint64_t output = 0;          // head and final norm
    uint64_t vision = 0;          // tower and projector, without their tables
    uint64_t tables = 0;          // what is read by rows: always in host memory

    int64_t n_embd_kv   = 0; // numbers of a key, and of a value
    int64_t n_embd_head = 0; // of those, in one head
    int64_t slot_cells  = 0; // cells of an image
    int64_t n_ctx_max   = 0; // positions that it was trained for

    uint64_t text_scratch   = 0; // a batch through the text layers, without its masks
    uint64_t cell_scratch   = 0; // of its masks, for every cell attended to
    uint64_t vision_scratch = 0; // an image through the tower
    uint64_t host_scratch   = 0; // inputs of both, where a GPU computes
    uint64_t staging        = 0; // of loading
};

/** What the caller asked for; what is not set may be chosen. */
struct placement_wishes {
    std::optional<int32_t> n_gpu_layers;
    std::optional<int64_t> n_ctx;
    std::optional<int32_t> n_images;
    std::vector<cache_type> kv_types = {cache_type::f16}; // that may be chosen from, best first
    bool needs_gpu                   = false;             // a GPU was named: not to be left out
    memory_limits limits;
};

/** Bytes on one device. */
struct device_bytes {
    uint64_t weights     = 0; // of the text model
    uint64_t vision      = 0; // weights of the tower and the projector
    uint64_t self_cache  = 0;
    uint64_t cross_cache = 0;
    uint64_t scratch     = 0;

    uint64_t total() const { return weights + vision + self_cache + cross_cache + scratch; }
};

/** What was given up so that the rest fits; in the order of `find_placement`. */
enum class concession { vision_on_host, fewer_images, smaller_cache_type, smaller_context, layers_on_host, no_gpu };

constexpr int32_t on_host = -1;

/** By default everything lies on the host. */
struct placement {
    std::vector<int32_t> layer_gpu; // of each text layer: a number in machine_memory::gpus, or on_host
    int32_t output_gpu = on_host;
    int32_t vision_gpu = on_host;
    cache_type kv_type = cache_type::f16;
    int64_t n_ctx      = 0;
    int32_t n_images   = 0;
    std::vector<concession> concessions;

    std::vector<device_bytes> gpus; // as the plan expects them
    device_bytes host;

    int32_t gpu_of_layer(int32_t il) const { return layer_gpu.empty() ? on_host : layer_gpu[size_t(il)]; }
    int32_t n_gpu_layers() const;
    bool uses_gpu(int32_t gpu) const;
    bool uses_any_gpu() const;
};

/** Bytes that may be used of a GPU, its reserve included, and of the host. */
uint64_t usable_bytes(const gpu_memory & gpu, const placement_wishes & wishes);
uint64_t usable_host_bytes(const machine_memory & machine, const placement_wishes & wishes);

/** The best placement that fits; nullopt when none does. The order is reasoned in the source. */
std::optional<placement> find_placement(const machine_memory & machine, const model_needs & needs,
                                        const placement_wishes & wishes);

/** Where nothing fits: what the most frugal placement that the wishes allow is short of. */
memory_shortage find_shortage(const machine_memory & machine, const model_needs & needs,
                              const placement_wishes & wishes);

} // namespace bllossom
