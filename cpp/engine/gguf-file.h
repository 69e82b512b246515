#pragma once
// A GGUF file (version 2 or 3, little endian), opened for reading. The header is parsed here, with ceilings and bounds
// checks of our own, and never by ggml: a damaged file ends in error{model_format}, whatever its architecture.

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <ggml.h>
#include <gguf.h>

namespace bllossom {

/** One key of the metadata. */
struct gguf_entry {
    std::string key;
    gguf_type type = GGUF_TYPE_COUNT; // of the value, or of an array's elements
    bool is_array  = false;
    uint64_t count = 1; // elements; 1 for a scalar
    size_t begin   = 0; // where the first element lies in the header
};

/** One scalar or array element; signed integers are int64_t, unsigned ones uint64_t, floats double. */
using gguf_scalar = std::variant<bool, int64_t, uint64_t, double, std::string_view>;

/** One tensor as the header describes it; sizes and position are checked against the file. */
struct gguf_tensor {
    std::string name;
    ggml_type type = GGML_TYPE_COUNT; // any type that ggml can size
    int32_t n_dims = 0;
    std::array<int64_t, 4> ne{1, 1, 1, 1};
    uint64_t offset = 0; // from the start of the file
    uint64_t bytes  = 0;

    int64_t n_elements() const { return ne[0] * ne[1] * ne[2] * ne[3]; }
};

/** An open file descriptor; closed on destruction. */
class unique_fd {
  public:
    explicit unique_fd(int fd = -1) : fd_(fd) {}
    unique_fd(unique_fd && other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    unique_fd & operator=(unique_fd && other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~unique_fd();
    int get() const { return fd_; }

  private:
    int fd_;
};

class gguf_file {
  public:
    /**
     * Opens a file and reads its header. Ceilings: header 64 MiB, 4,096 keys, 16,384 tensors, strings 16 MiB, arrays
     * of 4 Mi elements, 4 dimensions of 1 … 2^31, alignment a power of two from 8 to 4,096; keys and names are unique,
     * tensors lie inside the file and do not overlap.
     *
     * Throws error{model_not_found} where there is no such regular file, error{io} where it cannot be read,
     * error{model_unsupported} for another version or byte order, error{model_format} for everything else.
     */
    explicit gguf_file(const std::string & path);

    const std::string & path() const { return path_; }
    uint32_t version() const { return version_; }
    uint64_t file_bytes() const { return file_bytes_; }

    const std::vector<gguf_entry> & entries() const { return entries_; }  // in the file's order
    const std::vector<gguf_tensor> & tensors() const { return tensors_; } // in the file's order

    /** Null when the file has no such key or tensor. */
    const gguf_entry * find(std::string_view key) const;
    const gguf_tensor * find_tensor(std::string_view name) const;

    /** The first `limit` elements of any entry. String views live as long as the file object. */
    std::vector<gguf_scalar> elements(const gguf_entry & entry, uint64_t limit = UINT64_MAX) const;

    // Typed access. A missing key, another kind, or a value outside [low, high] (not finite for floats) throws
    // error{model_format} with the key's name.
    uint32_t get_u32(std::string_view key, uint32_t low = 0, uint32_t high = UINT32_MAX) const;
    float get_f32(std::string_view key, float low = std::numeric_limits<float>::lowest(),
                  float high = std::numeric_limits<float>::max()) const;
    bool get_bool(std::string_view key) const;

    std::string_view get_str(std::string_view key) const;
    std::vector<int32_t> get_i32_array(std::string_view key) const;
    std::vector<float> get_f32_array(std::string_view key) const; // every element finite
    std::vector<std::string_view> get_str_array(std::string_view key) const;

    /** Reads `size` bytes at `offset` of the file. Throws error{io}, also when the file ends early. */
    void read(uint64_t offset, void * dst, size_t size) const;

    /** An error{model_format} about this file. */
    [[noreturn]] void fail(const std::string & what) const;

  private:
    class header_reader;

    void read_header();
    void read_entry(header_reader & in);
    void read_tensor(header_reader & in);
    void place_tensors(uint64_t header_bytes);

    const gguf_entry & require(std::string_view key, gguf_type type, bool is_array) const;

    std::string path_;
    unique_fd fd_;
    uint64_t file_bytes_ = 0;
    uint32_t version_    = 0;
    std::string header_; // the raw bytes that entries point into

    std::vector<gguf_entry> entries_;
    std::vector<gguf_tensor> tensors_;
    std::unordered_map<std::string, size_t> entry_index_;
    std::unordered_map<std::string, size_t> tensor_index_;
};

} // namespace bllossom
