#include "evaluator.h"

#include "error.h"
#include "importance-file.h"
#include "prompt-pass.h"

#include <algorithm>

namespace bllossom {

/** Lets a collector look at the graphs for a time. */
class evaluator::observing_scope {
  public:
    explicit observing_scope(context & observed) : context_(observed) { context_.observe(&collector_); }
    ~observing_scope() { context_.observe(nullptr); }
    observing_scope(const observing_scope &)             = delete;
    observing_scope & operator=(const observing_scope &) = delete;

    const importance & sums() const { return collector_.sums(); }

  private:
    context & context_;
    importance_collector collector_;
};

evaluator::evaluator(context & c, std::function<bool()> should_abort)
    : context_(c), should_abort_(std::move(should_abort)) {}

prompt_pass evaluator::begin_pass(const pass_request & request) {
    return prompt_pass(context_, request.tokens, image_ranges(request.tokens, request.image_token_id));
}

/** on_rows is called after every graph. */
void evaluator::decode_all(prompt_pass & pass, int32_t chunk, const std::function<void()> & on_rows) {
    const int32_t n_batch = context_.options().n_batch;
    while (!pass.is_done()) {
        go_on_if(pass.decode(chunk > 0 ? std::min(chunk, n_batch) : n_batch));
        on_rows();
    }
}

/** Not every device ends an aborted graph early. */
void evaluator::go_on_if(bool done) const {
    if (!done || should_abort_()) {
        throw error(error_code::cancelled, "the evaluation was cancelled");
    }
}

evaluation evaluator::evaluate(const pass_request & request) {
    evaluation result;
    result.tokens    = request.tokens;
    prompt_pass pass = begin_pass(request);
    for (const image_input & image : request.images) {
        vision_probe probe;
        go_on_if(pass.encode(image, &probe));
        result.vision_features.push_back(std::move(probe.features));
        result.cross_states.push_back(std::move(probe.states));
    }
    decode_all(pass, request.chunk, [&] {
        result.logits.insert(result.logits.end(), context_.logits(), context_.logits() + context_.n_logits());
    });
    return result;
}

importance & evaluator::begun_importance() {
    if (!importance_) {
        throw error(error_code::invalid_option, "no importance matrix is being collected");
    }
    return *importance_;
}

void evaluator::begin_importance(const std::string & from) {
    if (importance_) {
        throw error(error_code::invalid_option,
                    "an importance matrix is being collected with this model already; wait for its end");
    }
    importance begun = from.empty() ? importance() : read_importance(from);
    check_fits(begun, from, context_.get_model());
    importance_ = std::move(begun);
}

void evaluator::collect(const pass_request & request) {
    importance & total = begun_importance();
    const observing_scope observing(context_);
    prompt_pass pass = begin_pass(request);
    for (const image_input & image : request.images) {
        go_on_if(pass.encode(image));
    }
    decode_all(pass, request.chunk, [] {});
    check_finite(observing.sums());
    merge(total, observing.sums());
    total.n_chunks++;
}

void evaluator::write_importance(const importance_target & target) {
    importance whole = begun_importance();
    merge(whole, {{}, target.datasets, 0});
    bllossom::write_importance(target.path, whole, target.chunk_size);
}

} // namespace bllossom
