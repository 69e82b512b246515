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

/** The device whose memory a buffer type takes: "CPU" for all of main memory. */
std::string memory_name(ggml_backend_buffer_type_t buft);

/** Bytes that can still be allocated there. */
size_t free_memory(ggml_backend_buffer_type_t buft);

/** For a buffer that will be filled: large pages (host.h) where it lies in main memory. */
void prefer_large_pages(ggml_backend_buffer_t buffer);

/** Bytes this process may still allocate: the minimum of MemAvailable, the cgroup's remainder and RLIMIT_AS. */
size_t available_memory();

/**
 * Threads for a model whose weights have so many bytes: they meet after every node of a graph, and on a small model
 * they would wait longer than they compute.
 */
int32_t useful_threads(size_t n_weight_bytes, int32_t n_cores);

/**
 * The backends that an engine may use: GPUs, in ggml's order, and the CPU, which is always the last. GPUs that a plan
 * does without are closed.
 */
class backend_set {
  public:
    /**
     * device: "auto" (every GPU that can be opened, or none), "cpu", a family ("cuda": all of its GPUs), or one GPU as
     * list_devices() names it ("CUDA1") or as PyTorch does ("cuda:1").
     * n_threads: 0 takes the number of physical cores.
     * Throws error{invalid_option} for an unknown device, error{backend} when one that was named cannot be opened.
     */
    backend_set(const std::string & device, int32_t n_threads);

    ggml_backend_t cpu() const { return cpu_.get(); }

    /** GPUs that were opened, whether they still are or not. */
    int32_t n_gpus() const { return int32_t(gpus_.size()); }

    /** The backend of a GPU, null once it is closed; of -1 the CPU. */
    ggml_backend_t at(int32_t gpu) const { return gpu < 0 ? cpu() : gpus_[size_t(gpu)].get(); }

    /** Whether the caller named a GPU. */
    bool is_named() const { return is_named_; }

    void close_gpu(int32_t gpu) { gpus_[size_t(gpu)].reset(); }

    /** The open ones, in the order of preference of a scheduler. */
    std::vector<ggml_backend_t> all() const;

    std::string device_name() const; // family of what is open beside the CPU: "cuda"; else "cpu"
    std::string description() const; // "NVIDIA H100 80GB HBM3, NVIDIA H100 80GB HBM3"
    int32_t n_threads() const { return n_threads_; }

    /** Changes the threads of the backends that compute on the CPU. n_threads: 1 … the limit of the constructor. */
    void set_n_threads(int32_t n_threads);

    /** Installs a callback that is polled between graph nodes; it returns true to stop the graph. */
    void set_abort_callback(ggml_abort_callback callback, void * data) const;

  private:
    std::vector<ggml_backend_ptr> gpus_;
    ggml_backend_ptr cpu_;
    bool is_named_     = false;
    int32_t n_threads_ = 1;
};

} // namespace bllossom
