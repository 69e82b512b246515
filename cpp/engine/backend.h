#pragma once
// Devices, and the one set of ggml backends an engine computes with.

#include <cstdint>
#include <string>
#include <vector>

#include <ggml-cpp.h>

namespace bllossom {

struct device_info {
    std::string name;        // "CPU", "CUDA0"
    std::string description; // "NVIDIA H100 80GB HBM3"
    std::string type;        // "cpu" | "gpu" | "igpu" | "accel"
    size_t memory_free  = 0; // bytes; for the CPU what the system and its cgroup can still give
    size_t memory_total = 0;
};

std::vector<device_info> list_devices();

/** Whether a buffer type lies in main memory, whatever its layout: ggml calls repacked weights "not host". */
bool is_host_memory(ggml_backend_buffer_type_t buft);

/** Bytes this process may still allocate: the minimum of MemAvailable, the cgroup's remainder and RLIMIT_AS. */
size_t available_memory();

/**
 * Threads for a model whose weights have so many bytes: they meet after every node of a graph, and on a small model
 * they would wait longer than they compute.
 */
int32_t useful_threads(size_t n_weight_bytes, int32_t n_cores);

/** The backends of one engine, in order of preference; the CPU is always the last. */
class backend_set {
  public:
    /**
     * device: "auto" (first GPU, else CPU), "cpu", "cuda", or a device name of list_devices().
     * n_threads: 0 takes the number of physical cores.
     * Throws error{invalid_option} for an unknown device, error{backend} when it cannot be opened.
     */
    backend_set(const std::string & device, int32_t n_threads);

    ggml_backend_t cpu() const { return all_.back().get(); }
    ggml_backend_t gpu() const { return all_.size() > 1 ? all_.front().get() : nullptr; }
    std::vector<ggml_backend_t> all() const;
    const std::string & device_name() const { return device_name_; } // "cpu", "cuda", …
    int32_t n_threads() const { return n_threads_; }

    /** Changes the threads of the backends that compute on the CPU. n_threads: 1 … the limit of the constructor. */
    void set_n_threads(int32_t n_threads);

    /** Installs a callback that is polled between graph nodes; it returns true to stop the graph. */
    void set_abort_callback(ggml_abort_callback callback, void * data) const;

  private:
    std::vector<ggml_backend_ptr> all_;
    std::string device_name_;
    int32_t n_threads_ = 1;
};

} // namespace bllossom
