#pragma once
// Runs whole prompts beside the requests: to see what the model computes, or to collect an importance matrix.

#include "context.h"
#include "importance.h"
#include "request.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bllossom {

class prompt_pass;

/** A request whose prompt is tokenized and checked. */
struct pass_request {
    const std::vector<int32_t> & tokens;
    const std::vector<image_input> & images;
    int32_t image_token_id;
    int32_t chunk; // rows per graph; 0: the batch size
};

class evaluator {
  public:
    /** should_abort: polled between graphs. */
    evaluator(context & c, std::function<bool()> should_abort);

    /** Throws error{cancelled, context_full, out_of_memory, backend}. */
    evaluation evaluate(const pass_request & request);

    /**
     * Begins an importance matrix, with the sums of an older file unless `from` is empty.
     * Throws error{invalid_option} while one is begun or when the file is of another model; as read_importance.
     */
    void begin_importance(const std::string & from);

    /**
     * Adds the inputs that a prompt brings to the weights: all of them or, when it throws, none.
     * Throws as evaluate; error{model_output} for NaN and infinity, error{invalid_option} when nothing is begun.
     */
    void collect(const pass_request & request);

    /** Writes what was collected so far. Throws error{invalid_option, io}. */
    void write_importance(const importance_target & target);

    /** Forgets what was collected; does nothing when nothing is begun. */
    void end_importance() { importance_.reset(); }

  private:
    class observing_scope;

    prompt_pass begin_pass(const pass_request & request);
    void decode_all(prompt_pass & pass, int32_t chunk, const std::function<void()> & on_rows);
    void go_on_if(bool done) const;
    importance & begun_importance();

    context & context_;
    std::function<bool()> should_abort_;
    std::optional<importance> importance_; // being collected
};

} // namespace bllossom
