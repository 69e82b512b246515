#include "prompt-pass.h"

#include "error.h"

#include <algorithm>

namespace bllossom {

prompt_pass::prompt_pass(context & c, const std::vector<int32_t> & tokens, std::vector<image_range> ranges)
    : context_(c), tokens_(tokens), ranges_(std::move(ranges)), cells_(c.self().cells()) {
    if (context_.self().cells().n_free() < int64_t(tokens_.size())) {
        throw error(error_code::context_full, "other requests hold the context: evaluate when the engine is idle");
    }
    // Keyless: every image is encoded, known or not.
    auto slots = context_.cross().acquire(std::vector<std::string>(ranges_.size()));
    if (!slots) {
        throw error(error_code::context_full, "other requests hold the image slots: evaluate when the engine is idle");
    }
    slots_ = std::move(*slots);
}

prompt_pass::~prompt_pass() {
    cells_.distrust(); // NaN that it may have met must not stay
    for (const int32_t slot : slots_) {
        context_.cross().release(slot);
    }
}

bool prompt_pass::encode(const image_input & image, vision_probe * probe) {
    const size_t index = images_.size();
    if (!context_.encode(image, slots_[index], probe)) {
        return false;
    }
    images_.push_back(context_.locate(slots_[index], image.n_tiles, ranges_[index]));
    return true;
}

bool prompt_pass::decode(int32_t n_rows) {
    const int32_t n_past = cells_.size();
    const int32_t n      = std::min(n_rows, int32_t(tokens_.size()) - n_past);
    cells_.grow(n);
    std::vector<batch_row> rows;
    for (int32_t pos = n_past; pos < n_past + n; pos++) {
        rows.push_back({tokens_[size_t(pos)], pos, true, &cells_, &images_});
    }
    return context_.decode(rows);
}

} // namespace bllossom
