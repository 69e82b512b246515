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
     * Takes a slot for every image. seq: a number that no other sequence has; tokens must outlive the pass.
     * Throws error{context_full} while others hold the room.
     */
    prompt_pass(context & c, int32_t seq, const std::vector<int32_t> & tokens, std::vector<image_range> ranges);
    ~prompt_pass();
    prompt_pass(const prompt_pass &)             = delete;
    prompt_pass & operator=(const prompt_pass &) = delete;

    /** Encodes the next image; all come before the first row. Returns false when aborted. */
    bool encode(const image_input & image, vision_probe * probe = nullptr);

    bool is_done() const { return n_past_ == int32_t(tokens_.size()); }

    /** Computes the next rows, at most n_rows, with the logits of each. Returns false when aborted. */
    bool decode(int32_t n_rows);

  private:
    context & context_;
    int32_t seq_;
    const std::vector<int32_t> & tokens_;
    std::vector<image_range> ranges_; // of each image
    std::vector<int32_t> slots_;      // of each image
    std::vector<cross_image> images_; // encoded so far
    int32_t n_past_ = 0;
};

} // namespace bllossom
