#pragma once
// One run of a prompt from its first row to its last, beside the requests and without an answer: what evaluations and
// collections are made of. Cells and slots are given back, and emptied, when it goes.

#include "context.h"

#include <cstdint>
#include <vector>

namespace bllossom {

class prompt_pass {
  public:
    /**
     * Takes a slot for every image; tokens must outlive the pass.
     * Throws error{context_full} while others hold the room.
     */
    prompt_pass(context & c, const std::vector<int32_t> & tokens, std::vector<image_range> ranges);
    ~prompt_pass();
    prompt_pass(const prompt_pass &)             = delete;
    prompt_pass & operator=(const prompt_pass &) = delete;

    /** Encodes the next image; all come before the first row. Returns false when aborted. */
    bool encode(const image_input & image, vision_probe * probe = nullptr);

    bool is_done() const { return cells_.size() == int32_t(tokens_.size()); }

    /** Computes the next rows, at most n_rows, with the logits of each. Returns false when aborted. */
    bool decode(int32_t n_rows);

  private:
    context & context_;
    const std::vector<int32_t> & tokens_;
    std::vector<image_range> ranges_; // of each image
    std::vector<int32_t> slots_;      // of each image
    std::vector<cross_image> images_; // encoded so far
    cell_list cells_;                 // of the rows computed so far
};

} // namespace bllossom
