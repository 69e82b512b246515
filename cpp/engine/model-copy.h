#pragma once
// Writes tensors of a model into a new GGUF file: for the most part the very bytes that the model is stored in.

#include "gguf-writer.h"
#include "model-source.h"

#include <string>
#include <vector>

namespace bllossom {

/** A tensor of the new file. */
struct copied_tensor {
    std::string name;
    const source_tensor * source;
    int64_t n_rows; // the first of the source
    ggml_type type; // another one than the source's only where that is F32, F16 or BF16
};

struct copy_plan {
    std::vector<metadata_entry> metadata;
    std::vector<copied_tensor> tensors;
};

/** Keys of the kinds that a file of ours may have; others are left out. */
std::vector<metadata_entry> to_entries(const gguf_metadata & metadata);

/** Carries out a plan piece by piece; the file appears, whole, at the end (see gguf_writer). One thread at a time. */
class model_copy {
  public:
    /** Creates the temporary file. The source must outlive this object. Throws what gguf_writer throws. */
    model_copy(copy_plan plan, const std::string & output, int n_threads);

    /** Writes the next piece. Throws error{io}, and error{model_format} for values that are not finite. */
    void step();

    /** Gives the file its name. Throws error{io}. */
    void finish() { writer_.finish(); }

    /** Bytes of the source. */
    uint64_t bytes_done() const { return bytes_done_; }
    uint64_t bytes_total() const { return bytes_total_; }

  private:
    copy_plan plan_;
    gguf_writer writer_;
    size_t tensor_ = 0; // being copied
    int64_t row_   = 0; // of it, next
    std::vector<char> rows_;
    uint64_t bytes_done_  = 0;
    uint64_t bytes_total_ = 0;
};

} // namespace bllossom
