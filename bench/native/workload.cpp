#include "workload.h"

#include "error.h"

#include <algorithm>
#include <cstdlib>

namespace bench {

using namespace bllossom;

workload::workload(std::shared_ptr<const model_info> model, uint32_t seed) : model_(std::move(model)), random_(seed) {}

generate_request workload::text(int64_t n_prompt, int32_t n_tokens) {
    // Ordinary tokens: the control tokens come last in a vocabulary.
    const auto n_ids = uint32_t(std::min<int64_t>(model_->hp.text.n_vocab / 2, 1000));
    prompt_part part;
    part.type = prompt_part::kind::tokens;
    for (int64_t i = 0; i < n_prompt; i++) {
        part.tokens.push_back(int32_t(random_() % n_ids));
    }
    generate_request request;
    request.prompt     = {std::move(part)};
    request.max_tokens = n_tokens;
    request.ignore_eos = true;
    request.credit     = INT64_MAX;
    return request;
}

generate_request workload::picture(int32_t n_tiles, int64_t n_prompt, int32_t n_tokens) {
    generate_request request = text(n_prompt, n_tokens);
    auto & ids               = request.prompt.front().tokens;
    ids.insert(ids.begin(), model_->hp.image_token_id);
    request.images = {image(n_tiles)};
    return request;
}

image_input workload::image(int32_t n_tiles) {
    const vision_hparams & hp = model_->hp.vision;
    int32_t best              = -1;
    const auto squareness     = [&](int32_t i) {
        return std::abs(hp.aspect_ratios[size_t(i)].rows - hp.aspect_ratios[size_t(i)].cols);
    };
    for (int32_t i = 0; i < int32_t(hp.aspect_ratios.size()); i++) {
        const aspect_ratio & ratio = hp.aspect_ratios[size_t(i)];
        if (ratio.rows * ratio.cols == n_tiles && (best < 0 || squareness(i) < squareness(best))) {
            best = i;
        }
    }
    if (best < 0) {
        throw error(error_code::invalid_option,
                    format("the model has no picture of %d tiles; its limit is %d", n_tiles, hp.max_tiles));
    }
    image_input input;
    input.n_tiles         = n_tiles;
    input.aspect_ratio_id = best + 1;
    input.key             = format("noise %u", n_images_++);
    input.tiles.resize(size_t(n_tiles) * size_t(hp.image_size) * size_t(hp.image_size) * 3);
    std::generate(input.tiles.begin(), input.tiles.end(), [this] { return uint8_t(random_()); });
    return input;
}

} // namespace bench
