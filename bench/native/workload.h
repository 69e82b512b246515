#pragma once
// Requests whose content does not matter: seeded token ids and noise for pictures.

#include "engine.h"

#include <random>

namespace bench {

class workload {
  public:
    explicit workload(std::shared_ptr<const bllossom::model_info> model, uint32_t seed = 1);

    /** n_prompt ids, no two requests alike; exactly n_tokens come back, greedily. */
    bllossom::generate_request text(int64_t n_prompt, int32_t n_tokens);

    /** The same after a picture of so many tiles, no two alike. */
    bllossom::generate_request picture(int32_t n_tiles, int64_t n_prompt, int32_t n_tokens);

  private:
    bllossom::image_input image(int32_t n_tiles);

    std::shared_ptr<const bllossom::model_info> model_;
    std::mt19937 random_;
    uint32_t n_images_ = 0;
};

} // namespace bench
