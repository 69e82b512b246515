#include "request-check.h"

#include "error.h"
#include "prompt-lookup.h"

#include <algorithm>

namespace bllossom {

std::vector<int32_t> tokenize(const std::vector<prompt_part> & prompt, const std::vector<image_input> & images,
                              const vocab & v, const context & c) {
    std::vector<int32_t> tokens = v.tokenize(prompt);
    if (tokens.empty()) {
        throw error(error_code::invalid_option, "the prompt is empty");
    }
    const int64_t n_places = std::count(tokens.begin(), tokens.end(), v.image_token_id());
    if (n_places != int64_t(images.size())) {
        throw error(error_code::invalid_option,
                    format("the prompt has %lld places for images, but %zu images were given", (long long) n_places,
                           images.size()));
    }
    for (const image_input & image : images) {
        check_image(image, c.get_model().hp.vision);
    }
    if (int32_t(images.size()) > c.options().n_images) {
        throw error(error_code::context_full,
                    format("the request has %zu images, but the engine was loaded for %d: raise "
                           "maxImages",
                           images.size(), c.options().n_images));
    }
    if (int64_t(tokens.size()) > c.options().n_ctx) {
        throw error(error_code::context_full,
                    format("the prompt has %zu tokens, but the context holds %lld: shorten the "
                           "prompt or raise contextSize",
                           tokens.size(), (long long) c.options().n_ctx));
    }
    return tokens;
}

void check_options(const generate_request & request, const vocab & v) {
    if (request.max_tokens < 1) {
        throw error(error_code::invalid_option, format("maxTokens is %d, but must be at least 1", request.max_tokens));
    }
    if (std::any_of(request.stop.begin(), request.stop.end(), [](const std::string & s) { return s.empty(); })) {
        throw error(error_code::invalid_option, "a stop text is empty");
    }
    if (request.n_lookup < 0 || request.n_lookup > max_lookup) {
        throw error(error_code::invalid_option,
                    format("promptLookup is %d, but must be from 0 to %d", request.n_lookup, max_lookup));
    }
    const int64_t most = std::min<int64_t>(max_top_logprobs, v.n_logits());
    if (request.n_logprobs < -1 || request.n_logprobs > most) {
        throw error(error_code::invalid_option, format("logprobs is %d, but must be from 0 to %lld, or -1 for none",
                                                       request.n_logprobs, (long long) most));
    }
}

} // namespace bllossom
