#pragma once
// Writes one GGUF file whose plan is known from the start: metadata and tensor infos first, then the tensors.

#include "disk-file.h"
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
    std::string type;              // in the file: "F32", "Q4_K", …
    std::vector<int64_t> ne;       // 1 to 4 dimensions, fastest first
    std::vector<float> importance; // [ne[0]] for the quantizer, or empty
};

/**
 * The file is made as `<path>.tmp` and gets its name only when it is whole and on the disk; what was at `path` before
 * stays untouched until then. Tensors are filled in any order, the rows of one tensor in theirs.
 *
 * A failed call, `abort` and the destructor remove the temporary file, unless the writer was made to be resumed: then
 * only `abort` does.
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

    /**
     * The same for a file that outlives its writer. n_rows_done: rows of each tensor that an earlier writer of the same
     * plan left in the temporary file (and `sync` has put on the disk); all 0 begins a new one over whatever is there.
     *
     * Throws error{model_format} as well: when there are rows to keep but the temporary file is not of this plan.
     */
    gguf_writer(std::string path, const std::vector<metadata_entry> & metadata,
                const std::vector<tensor_plan> & tensors, int n_threads, const std::vector<int64_t> & n_rows_done);

    ~gguf_writer();
    gguf_writer(const gguf_writer &)             = delete;
    gguf_writer & operator=(const gguf_writer &) = delete;

    /**
     * Converts the next whole rows of a tensor, which is named by its number in the plan, and writes them to their
     * place. Returns what was lost in them.
     *
     * Throws error{invalid_option} for an unknown tensor, a part of a row or more rows than the tensor has,
     * error{model_format} for NaN, infinity or a value that the type cannot hold (with the tensor's name), error{io},
     * error{closed}.
     */
    conversion_loss write(size_t tensor, const uint8_t * bytes, size_t n_bytes, source_type source);

    /** The same for rows that are in the tensor's type already; only their values are checked. */
    void write_stored(size_t tensor, const uint8_t * bytes, size_t n_bytes);

    /** Returns when all that was written is on the disk. Throws error{io}, error{closed}. */
    void sync();

    /** Syncs, closes and renames. Throws error{invalid_option} while rows are missing, error{io}, error{closed}. */
    void finish();

    /** Removes the temporary file; does nothing after `finish` or `close`. */
    void abort() noexcept;

    /** Closes the temporary file and leaves it, to be resumed. Does nothing after `finish` or `abort`. */
    void close() noexcept { file_.close(); }

  private:
    struct tensor {
        std::string name;
        ggml_type type;
        int64_t n_per_row;
        int64_t n_rows;
        int64_t n_rows_done;
        size_t offset; // in the data section
        std::vector<float> importance;
    };

    std::vector<uint8_t> make_header(const std::vector<metadata_entry> & metadata,
                                     const std::vector<tensor_plan> & plan);
    void check_target() const;
    void create_file(const std::vector<uint8_t> & header);
    void reopen_file(const std::vector<uint8_t> & header);

    tensor & tensor_at(size_t index);
    int64_t count_rows(const tensor & cur, size_t n_bytes, size_t row_size) const;
    void put_rows(tensor & cur, const uint8_t * rows, int64_t n_rows);
    void put(const void * data, size_t size, size_t offset);

    void check_open() const;
    void give_up() noexcept;
    [[noreturn]] void fail(const std::string & what, const std::string & path, int error_number);

    std::string path_;
    std::string temporary_;
    bool keep_ = false; // the temporary file, on failure
    disk_file file_;
    int n_threads_ = 1;
    std::vector<tensor> tensors_;
    size_t data_offset_ = 0;
    size_t file_size_   = 0;
    std::vector<uint8_t> converted_;
};

} // namespace bllossom
