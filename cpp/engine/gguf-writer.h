#pragma once
// Writes one GGUF file whose plan is known from the start: metadata and tensor infos first, then the tensors in order.

#include "quantize.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <ggml-cpp.h>

namespace bllossom {

struct metadata_entry {
    std::string key;
    std::variant<uint32_t, int32_t, float, bool, std::string, std::vector<int32_t>, std::vector<float>,
                 std::vector<std::string>>
        value;
};

struct tensor_plan {
    std::string name;
    std::string type;        // in the file: "F32", "Q4_K", …
    std::vector<int64_t> ne; // 1 to 4 dimensions, fastest first
};

/**
 * The file grows as `<path>.tmp` and gets its name only when it is whole and on the disk; what was at `path` before
 * stays untouched until then. A failed call, `abort` and the destructor remove the temporary file.
 *
 * Used from one thread at a time.
 */
class gguf_writer {
  public:
    /**
     * Checks the plan, creates the temporary file and writes header, metadata and tensor infos.
     * n_threads: for the conversions; 0 takes the number of hardware threads.
     *
     * Throws error{invalid_option} for a bad entry of metadata or plan, error{io} when the file cannot be made.
     */
    gguf_writer(std::string path, const std::vector<metadata_entry> & metadata,
                const std::vector<tensor_plan> & tensors, int n_threads);
    ~gguf_writer();
    gguf_writer(const gguf_writer &)             = delete;
    gguf_writer & operator=(const gguf_writer &) = delete;

    /**
     * Converts and appends whole rows of the current tensor of the plan; after its last row the next one is current.
     *
     * Throws error{invalid_option} for a part of a row or more rows than the tensor has, error{model_format} for NaN,
     * infinity or a value that the type cannot hold (with the tensor's name), error{io}, error{closed}.
     */
    void write(const uint8_t * bytes, size_t n_bytes, source_type source);

    /** Syncs, closes and renames. Throws error{invalid_option} while rows are missing, error{io}, error{closed}. */
    void finish();

    /** Removes the temporary file; does nothing after `finish`. */
    void abort() noexcept;

  private:
    struct tensor {
        std::string name;
        ggml_type type;
        int64_t n_per_row;
        int64_t n_rows;
        size_t offset; // in the data section
    };

    void create_file();
    void write_header(const std::vector<metadata_entry> & metadata, const std::vector<tensor_plan> & plan);
    void append(const void * data, size_t size);
    void pad();
    void check_open() const;
    [[noreturn]] void fail(const std::string & what, const std::string & path, int error_number);

    std::string path_;
    std::string temporary_;
    int fd_        = -1;
    int n_threads_ = 1;
    std::vector<tensor> tensors_;
    size_t current_     = 0; // tensor being written
    int64_t row_        = 0; // next row of it
    size_t data_offset_ = 0;
    size_t written_     = 0; // bytes in the file
    std::vector<uint8_t> converted_;
};

} // namespace bllossom
