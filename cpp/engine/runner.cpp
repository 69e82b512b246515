#include "runner.h"

#include "error.h"
#include "request-check.h"
#include "session-file.h"

#include <algorithm>
#include <numeric>

namespace bllossom {

/** The options with what a placement has chosen. */
static context_options resolved(context_options options, const placement & place) {
    options.n_ctx    = place.n_ctx;
    options.n_images = place.n_images;
    options.kv_type  = place.kv_type;
    return options;
}

runner::runner(std::shared_ptr<const model> m, std::shared_ptr<const vocab> v, const backend_set & backends,
               const placement & place, const context_options & options, int32_t n_seq_max, emit_function emit,
               std::function<bool()> is_closing)
    : model_(std::move(m)), vocab_(std::move(v)), emit_(std::move(emit)), is_closing_(std::move(is_closing)),
      n_seq_max_(n_seq_max),
      context_(model_, backends, place, resolved(options, place), [this] { return should_abort(); }),
      prefixes_(context_.self().cells(), {vocab_->image_token_id(), options.mode}),
      evaluator_(context_, [this] { return should_abort(); }), grammars_(vocab_), pins_(context_, emit_) {}

/** Says for a time whose requests are being computed, also when that ends in an exception. */
class runner::computing_scope {
  public:
    using flags = std::vector<const std::atomic<bool> *>;

    computing_scope(flags & computing, flags && now) : computing_(computing) { computing_ = std::move(now); }
    ~computing_scope() { computing_.clear(); }
    computing_scope(const computing_scope &)             = delete;
    computing_scope & operator=(const computing_scope &) = delete;

  private:
    flags & computing_;
};

/** True only when nobody waits for the running graph any more: a neighbour in the batch must not be cut off. */
bool runner::should_abort() const {
    return is_closing_() ||
           (!computing_.empty() && std::all_of(computing_.begin(), computing_.end(), [](const auto * flag) {
               return flag->load(std::memory_order_relaxed);
           }));
}

// --- taking requests in --------------------------------------------------------------------------------------------

void runner::submit(uint32_t id, generate_request && request, cancel_flag cancelled) {
    std::vector<int32_t> prompt = tokenize(request.prompt, request.images, *vocab_, context_);
    check_options(request, *vocab_);
    auto s = std::make_unique<sequence>(id, std::move(request), std::move(prompt), *vocab_, std::move(cancelled));
    if (const auto & text = s->request().grammar) {
        s->constrain(grammars_.get(*text), grammars_.trie(), tokens_left(*s));
    }
    sequences_.push_back(std::move(s));
}

/** Tokens that an answer may still have. The last one needs no cell: nothing is computed from it. */
int64_t runner::tokens_left(const sequence & s) const {
    return std::min<int64_t>(s.request().max_tokens - s.n_generated(),
                             context_.options().n_ctx + 1 - int64_t(s.tokens().size()));
}

void runner::grant(uint32_t id, int64_t pieces) {
    for (const auto & s : sequences_) {
        if (s->id() == id) {
            s->grant(pieces);
        }
    }
}

void runner::encode_image(uint32_t id, image_input && image, cancel_flag cancelled) {
    check_image(image, model_->hp.vision);
    pins_.add(id, std::move(image), std::move(cancelled));
}

void runner::release_image(uint32_t id) {
    pins_.release(id);
}

// --- the loop ------------------------------------------------------------------------------------------------------

bool runner::step() {
    settle_cancelled();
    const bool worked = refuse_next() || admit_next() || encode_next() || keep_or_run_batch();
    sequences_.erase(
        std::remove_if(sequences_.begin(), sequences_.end(), [](const auto & s) { return s->state() == phase::done; }),
        sequences_.end());
    return worked;
}

void runner::settle_cancelled() {
    for (const auto & s : sequences_) {
        if (s->state() != phase::done && s->cancelled()) {
            fail(*s, error(error_code::cancelled, "the request was cancelled"));
        }
    }
    pins_.settle_cancelled();
}

/** Refuses the request whose turn it is when it would wait for slots of kept images, and others behind it. */
bool runner::refuse_next() {
    const auto next =
        std::find_if(sequences_.begin(), sequences_.end(), [](const auto & s) { return s->state() == phase::queued; });
    if (next == sequences_.end() || pins_.is_empty()) {
        return false;
    }
    const auto cause = pins_.refusal((*next)->source().images);
    if (cause) {
        fail(**next, *cause);
    }
    return cause.has_value();
}

/** Cells a request may come to use; held for it from admission on, so that it never runs out half way. */
int64_t runner::cells_needed(const sequence & s) const {
    return std::min<int64_t>(int64_t(s.n_prompt()) + s.request().max_tokens, context_.options().n_ctx);
}

bool runner::admit_next() {
    int64_t n_cells  = context_.self().n_cells();
    int32_t n_active = 0;
    sequence * next  = nullptr;
    for (const auto & s : sequences_) {
        if (s->state() == phase::queued) {
            next = next ? next : s.get();
        } else if (s->state() != phase::done) {
            n_active++;
            n_cells -= cells_needed(*s);
        }
    }
    if (!next || n_active == n_seq_max_ || cells_needed(*next) > n_cells) {
        return false;
    }
    if (!next->source().images.empty() && pins_.is_waiting_before(next->id())) {
        return false; // slots are given out first come, first served
    }
    // A slot for every image, or none: half a set would only keep others waiting.
    std::optional<std::vector<int32_t>> slots = context_.cross().acquire(next->source().images);
    if (!slots) {
        return false;
    }
    if (n_active == 0 && !next->request().reuses_rows) {
        prefixes_.clear(); // as for whole prompts: what is to come out the same begins the same
    }
    next->slots = std::move(*slots);
    next->cells = cell_list(context_.self().cells(), n_active == 0 ? list_start::own_block : list_start::beside_others);
    next->move_to(phase::encoding);
    return true;
}

bool runner::encode_next() {
    for (const auto & s : sequences_) {
        if (s->state() == phase::encoding) {
            try {
                encode(*s);
            } catch (const error & e) {
                fail(*s, e);
            }
            return true;
        }
    }
    return false;
}

/** Encodes the next image that is not in its slot yet; when none is left, the prompt's turn comes. */
void runner::encode(sequence & s) {
    const size_t index = s.images.size();
    if (index == s.slots.size()) {
        s.move_to(phase::prefill);
        return;
    }
    const image_input & image = s.request().images[index];
    if (!context_.cross().is_ready(s.slots[index])) {
        const computing_scope scope(computing_, {&s.cancelled()});
        if (!context_.encode(image, s.slots[index])) {
            return; // cancelled: the next step settles it
        }
        context_.cross().commit(s.slots[index]);
        s.n_images_encoded++;
    }
    const std::vector<image_range> ranges = image_ranges(s.tokens(), vocab_->image_token_id());
    s.images.push_back(context_.locate(s.slots[index], image.n_tiles, ranges[index]));
}

/** In turn, so that running answers do not wait for a row of images, nor an image for them. */
bool runner::keep_or_run_batch() {
    kept_last_ = !kept_last_ && keep_next();
    return kept_last_ || run_batch() || keep_next();
}

/** Encodes the next image that is to be kept, unless a request with images has waited longer. */
bool runner::keep_next() {
    image_pin * const pin = pins_.next();
    if (!pin || std::any_of(sequences_.begin(), sequences_.end(), [&](const auto & s) {
            return s->state() == phase::queued && !s->source().images.empty() && s->id() < pin->id;
        })) {
        return false;
    }
    const computing_scope scope(computing_, {pin->cancelled.get()});
    return pins_.work_on(*pin);
}

/** Guesses for the sequences that decode: the fewer they are, the more rows each may have for little. */
void runner::guess_next() {
    constexpr int64_t n_rows = 16; // of a batch of guesses; more of them are no longer cheap
    const int64_t n_decoding = std::count_if(sequences_.begin(), sequences_.end(),
                                             [](const auto & s) { return s->state() == phase::decoding; });
    for (const auto & s : sequences_) {
        s->guess.clear();
        if (s->state() == phase::decoding) {
            const int64_t n_most = std::min(n_rows / n_decoding, tokens_left(*s)) - 1;
            s->guess             = s->lookup.guess(s->tokens(), int32_t(n_most), vocab_->n_logits());
        }
    }
}

/**
 * Lets a prompt begin with rows that are there already, of an earlier request or a present one. While an earlier one is
 * computing many that it could use, it waits for them.
 */
void runner::reuse_rows(sequence & s) {
    constexpr int32_t worth_waiting = 32;               // rows; a step more costs about as much
    const int32_t n_most            = s.n_prompt() - 1; // the last row gives the first logits
    cell_list found                 = prefixes_.find(s.source(), n_most);
    int32_t n_coming                = 0;
    bool is_earlier                 = true;
    for (const auto & other : sequences_) {
        if (other.get() == &s) {
            is_earlier = false;
            continue;
        }
        if (!is_earlier && other->cells.size() == 0) {
            continue; // it may wait for this one
        }
        const int32_t n = std::min(common_rows(other->source(), s.source(), prefixes_.rule()), n_most);
        if (std::min(n, other->n_past) > found.size()) {
            found = other->cells.share(std::min(n, other->n_past));
        }
        if (other->state() == phase::prefill) {
            n_coming = std::max(n_coming, n);
        }
    }
    s.is_waiting = n_coming - found.size() >= worth_waiting;
    if (!s.is_waiting && found.size() > 0) {
        s.n_past = s.n_reused = found.size();
        s.cells               = std::move(found);
    }
}

/** The next rows of a sequence, with cells for them. */
void runner::add_rows(sequence & s, int32_t n_rows, std::vector<batch_row> & rows) {
    prefixes_.make_room(n_rows);
    s.cells.grow(n_rows);
    for (int32_t pos = s.n_past; pos < s.n_past + n_rows; pos++) {
        const int32_t n_sure = int32_t(s.tokens().size());
        const int32_t token  = pos < n_sure ? s.tokens()[size_t(pos)] : s.guess[size_t(pos - n_sure)];
        rows.push_back({token, pos, pos + 1 >= n_sure, &s.cells, &s.images});
    }
}

bool runner::run_batch() {
    for (const auto & s : sequences_) {
        if (s->state() == phase::prefill && s->n_past == 0 && s->request().reuses_rows) {
            reuse_rows(*s);
        }
    }
    guess_next();
    const std::vector<batch_share> shares = plan_batch(sequences_, context_.options().n_batch);
    if (shares.empty()) {
        return false;
    }
    std::vector<sequence *> members;
    std::vector<batch_row> rows;
    for (const batch_share & share : shares) {
        members.push_back(sequences_[share.index].get());
        add_rows(*members.back(), share.n_rows, rows);
    }
    if (!compute(members, rows)) {
        return true;
    }
    const float * logits = context_.logits();
    for (size_t i = 0; i < members.size(); i++) {
        sequence & s            = *members[i];
        const int32_t n_sure    = int32_t(s.tokens().size());
        const int32_t n_guessed = s.n_past + shares[i].n_rows - n_sure;
        if (n_guessed < 0) {
            s.n_past += shares[i].n_rows;
            continue; // more of its prompt to come
        }
        s.n_past = n_sure;
        try {
            sample_rows(s, n_guessed, logits);
        } catch (const error & e) {
            fail(s, e);
        }
        logits += (1 + n_guessed) * model_->hp.text.n_vocab;
    }
    return true;
}

/** Runs a batch. On abort the cells that it took are given back; a failure settles its members. */
bool runner::compute(const std::vector<sequence *> & members, const std::vector<batch_row> & rows) {
    std::vector<const std::atomic<bool> *> flags;
    for (const sequence * s : members) {
        flags.push_back(&s->cancelled());
    }
    const computing_scope scope(computing_, std::move(flags));
    try {
        if (context_.decode(rows)) {
            return true;
        }
        for (sequence * s : members) {
            s->cells.truncate(s->n_past);
        }
    } catch (const error & e) {
        for (sequence * s : members) {
            fail(*s, e);
        }
    }
    return false;
}

/**
 * Samples after the last token, and after each guess as long as it is what was sampled: the same tokens as without
 * guesses. logits: [1 + n_guessed][n_vocab]
 */
void runner::sample_rows(sequence & s, int32_t n_guessed, const float * logits) {
    int32_t n_right = 0;
    s.n_guessed += n_guessed;
    sample(s, logits);
    while (n_right < n_guessed && s.state() == phase::decoding && s.tokens().back() == s.guess[size_t(n_right)]) {
        n_right++;
        s.n_past++;
        s.n_guessed_right++;
        sample(s, logits + n_right * model_->hp.text.n_vocab);
    }
    if (n_guessed == 0) {
        s.lookup.rest();
        return;
    }
    s.lookup.learn(n_guessed, n_right);
    s.cells.truncate(s.n_past);
}

void runner::sample(sequence & s, const float * logits) {
    if (s.state() == phase::prefill) {
        s.move_to(phase::decoding);
    }
    if (s.is_exhausted()) { // a grammar of the empty text alone
        finish(s, finish_reason::stop);
        return;
    }
    const int32_t token = s.sample(logits);
    if (token == sampler::no_token || (vocab_->is_stop(token) && !s.request().ignore_eos)) {
        finish(s, finish_reason::stop);
        return;
    }
    s.note_logprobs(token, logits);
    const std::string text = s.append(token, vocab_->piece(token));
    if (!text.empty()) {
        event e{};
        e.type = event::kind::piece;
        e.id   = s.id();
        e.text = text;
        emit_(std::move(e));
        s.spend_credit();
    }
    if (s.stop_text_found() || s.is_exhausted()) {
        finish(s, finish_reason::stop);
    } else if (tokens_left(s) <= 0) {
        finish(s, finish_reason::length);
    }
}

// --- settling ------------------------------------------------------------------------------------------------------

void runner::finish(sequence & s, finish_reason reason) {
    const std::string rest = s.finish_text();
    if (!rest.empty()) {
        event e{};
        e.type = event::kind::piece;
        e.id   = s.id();
        e.text = rest;
        emit_(std::move(e));
    }
    event e{};
    e.type   = event::kind::done;
    e.id     = s.id();
    e.reason = reason;
    e.tokens = s.generated();
    e.stats  = s.stats();

    e.logprobs = s.take_logprobs();
    keep_rows(s);
    release(s);
    s.move_to(phase::done);
    emit_(std::move(e));
}

void runner::fail(sequence & s, const error & cause) {
    if (cause.code() == error_code::model_output) {
        forget_values(s);
    } else if (cause.code() == error_code::cancelled) {
        keep_rows(s);
    }
    release(s);
    s.move_to(phase::done);
    event e{};
    e.type     = event::kind::error;
    e.id       = s.id();
    e.code     = cause.code();
    e.text     = cause.what();
    e.shortage = cause.shortage();
    emit_(std::move(e));
}

void runner::fail_all(const error & cause) {
    for (const auto & s : sequences_) {
        if (s->state() != phase::done) {
            fail(*s, cause);
        }
    }
    sequences_.clear();
    pins_.fail_all(cause);
}

/** What a sequence computed may hold NaN, which no mask keeps from others: it must not stay in the caches. */
void runner::forget_values(const sequence & s) {
    prefixes_.drop_relatives(s.cells);
    s.cells.distrust();
    for (const int32_t slot : s.slots) {
        context_.cross().distrust(slot);
        pins_.distrust(slot);
    }
}

/** Leaves what a sequence computed to the requests that begin alike. */
void runner::keep_rows(sequence & s) {
    s.cells.truncate(s.n_past);
    prefixes_.keep(s.source(), std::move(s.cells));
}

/** Gives back what a sequence holds in the caches. */
void runner::release(sequence & s) {
    for (const int32_t slot : s.slots) {
        context_.cross().release(slot);
    }
    s.slots.clear();
    s.images.clear();
    s.cells.truncate(0);
}

void runner::clear_caches() {
    prefixes_.clear();
    context_.cross().clear_unused();
}

session_counts runner::save_session(const std::string & path, const cancel_flag & cancelled) {
    const computing_scope scope(computing_, {cancelled.get()});
    return bllossom::save_session(path, context_, prefixes_, [this] { return should_abort(); });
}

session_counts runner::load_session(const std::string & path, const cancel_flag & cancelled) {
    const computing_scope scope(computing_, {cancelled.get()});
    return bllossom::load_session(path, context_, prefixes_, [this] { return should_abort(); });
}

// --- whole prompts --------------------------------------------------------------------------------------------------

void runner::run_whole(const evaluate_request & request, const cancel_flag & cancelled,
                       const std::function<void(const pass_request &)> & run) {
    const std::vector<int32_t> tokens = tokenize(request.prompt, request.images, *vocab_, context_);
    if (const auto cause = pins_.refusal(std::vector<std::string>(request.images.size()))) {
        throw *cause;
    }
    prefixes_.clear(); // the same prompt is computed in the same cells, and so rounded the same
    const computing_scope scope(computing_, {cancelled.get()});
    run({tokens, request.images, vocab_->image_token_id(), request.chunk});
}

evaluation runner::evaluate(const evaluate_request & request, const cancel_flag & cancelled) {
    evaluation result;
    run_whole(request, cancelled, [&](const pass_request & pass) { result = evaluator_.evaluate(pass); });
    return result;
}

void runner::collect(const evaluate_request & request, const cancel_flag & cancelled) {
    run_whole(request, cancelled, [&](const pass_request & pass) { evaluator_.collect(pass); });
}

} // namespace bllossom
