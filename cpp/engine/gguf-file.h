#pragma once
// A GGUF file (version 2 or 3, little endian), opened for reading. The header is parsed here, with ceilings and bounds
// checks of our own, and never by ggml: a damaged file ends in error{model_format}, whatever its architecture.

#include "disk-file.h"
#include "gguf-metadata.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <ggml.h>

namespace bllossom {

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

class gguf_file : public gguf_metadata {
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

    uint32_t version() const { return version_; }
    uint64_t file_bytes() const { return file_bytes_; }

    const std::vector<gguf_tensor> & tensors() const { return tensors_; } // in the file's order

    /** Null when the file has no such tensor. */
    const gguf_tensor * find_tensor(std::string_view name) const;

    /** Reads `size` bytes at `offset` of the file. Throws error{io}, also when the file ends early. */
    void read(uint64_t offset, void * dst, size_t size) const;

  private:
    class header_reader;

    void read_header();
    void read_entry(header_reader & in);
    void read_tensor(header_reader & in);
    void place_tensors(uint64_t header_bytes);

    disk_file file_;
    uint64_t file_bytes_ = 0;
    uint32_t version_    = 0;

    std::vector<gguf_tensor> tensors_;
    std::unordered_map<std::string, size_t> tensor_index_;
};

} // namespace bllossom
