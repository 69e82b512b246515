#pragma once
// Runs requests on a context: admission, image encoding, batches, sampling, and the events they cause. Lives on the
// engine thread. One call of `step` does one piece of work, so that commands are seen in between.

#include "context.h"
#include "evaluator.h"
#include "event.h"
#include "grammar-cache.h"
#include "image-pins.h"
#include "prefix-cache.h"
#include "scheduler.h"
#include "sequence.h"

#include <functional>
#include <memory>
#include <vector>

namespace bllossom {

class runner {
  public:
    using emit_function = std::function<void(event &&)>;

    /** is_closing: polled while computing; true stops everything. */
    runner(std::shared_ptr<const model> m, std::shared_ptr<const vocab> v, const backend_set & backends,
           const placement & place, const context_options & options, int32_t n_seq_max, emit_function emit,
           std::function<bool()> is_closing);

    context & get_context() { return context_; }

    /** Takes a request in; what is wrong with it is reported by an event. */
    void submit(uint32_t id, generate_request && request, cancel_flag cancelled);

    void grant(uint32_t id, int64_t pieces);

    /** Encodes an image and keeps it until it is released; how that went is reported by an event. */
    void encode_image(uint32_t id, image_input && image, cancel_flag cancelled);

    /** Lets go of the image that was encoded under this id; does nothing when none is kept. */
    void release_image(uint32_t id);

    // Both run to their end while other requests wait, and throw.
    evaluation evaluate(const evaluate_request & request, const cancel_flag & cancelled);
    void collect(const evaluate_request & request, const cancel_flag & cancelled);

    /** Beginning, writing and ending what is collected. */
    evaluator & get_evaluator() { return evaluator_; }

    /** Forgets the images and the beginnings that no request uses. */
    void clear_caches();

    // Both run to their end while requests wait, and throw (session-file.h).
    session_counts save_session(const std::string & path, const cancel_flag & cancelled);
    session_counts load_session(const std::string & path, const cancel_flag & cancelled);

    /** Does one piece of work. Returns false when there is nothing to do. */
    bool step();

    /** Settles every request with this error. */
    void fail_all(const error & cause);

  private:
    class computing_scope;

    int64_t tokens_left(const sequence & s) const;
    int64_t cells_needed(const sequence & s) const;

    void settle_cancelled();
    bool refuse_next();
    bool admit_next();
    bool encode_next();
    void reuse_rows(sequence & s);
    void guess_next();
    bool keep_or_run_batch();
    bool keep_next();
    void add_rows(sequence & s, int32_t n_rows, std::vector<batch_row> & rows);
    bool run_batch();

    void encode(sequence & s);
    bool compute(const std::vector<sequence *> & members, const std::vector<batch_row> & rows);
    void sample_rows(sequence & s, int32_t n_guessed, const float * logits);
    void sample(sequence & s, const float * logits);
    void finish(sequence & s, finish_reason reason);
    void fail(sequence & s, const error & cause);
    void forget_values(const sequence & s);
    void keep_rows(sequence & s);
    void release(sequence & s);
    bool should_abort() const;
    void run_whole(const evaluate_request & request, const cancel_flag & cancelled,
                   const std::function<void(const pass_request &)> & run);

    std::shared_ptr<const model> model_;
    std::shared_ptr<const vocab> vocab_;
    emit_function emit_;
    std::function<bool()> is_closing_;
    int32_t n_seq_max_; // computed at a time
    context context_;
    prefix_cache prefixes_;
    evaluator evaluator_;
    grammar_cache grammars_;
    image_pins pins_;
    bool kept_last_ = false;                           // the last piece of work was for a kept image
    std::vector<std::unique_ptr<sequence>> sequences_; // in the order of arrival
    std::vector<const std::atomic<bool> *> computing_; // cancel flags of the requests in the running graph
};

} // namespace bllossom
