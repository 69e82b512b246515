#include "runner.h"

#include "error.h"

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
      context_(model_, backends, place, resolved(options, place), [this] { return should_abort(); }),
      evaluator_(context_, n_seq_max, [this] { return should_abort(); }), grammars_(vocab_), pins_(context_, emit_),
      seq_used_(size_t(n_seq_max)) {}

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

std::vector<int32_t> runner::tokenize(const std::vector<prompt_part> & prompt,
                                      const std::vector<image_input> & images) const {
    std::vector<int32_t> tokens = vocab_->tokenize(prompt);
    if (tokens.empty()) {
        throw error(error_code::invalid_option, "the prompt is empty");
    }
    const int64_t n_places = std::count(tokens.begin(), tokens.end(), vocab_->image_token_id());
    if (n_places != int64_t(images.size())) {
        throw error(error_code::invalid_option,
                    format("the prompt has %lld places for images, but %zu images were given", (long long) n_places,
                           images.size()));
    }
    for (const image_input & image : images) {
        check_image(image, model_->hp.vision);
    }
    if (int32_t(images.size()) > context_.options().n_images) {
        throw error(error_code::context_full,
                    format("the request has %zu images, but the engine was loaded for %d: raise "
                           "maxImages",
                           images.size(), context_.options().n_images));
    }
    if (int64_t(tokens.size()) > context_.options().n_ctx) {
        throw error(error_code::context_full,
                    format("the prompt has %zu tokens, but the context holds %lld: shorten the "
                           "prompt or raise contextSize",
                           tokens.size(), (long long) context_.options().n_ctx));
    }
    return tokens;
}

void runner::check_options(const generate_request & request) const {
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
    const int64_t most = std::min<int64_t>(max_top_logprobs, vocab_->n_logits());
    if (request.n_logprobs < -1 || request.n_logprobs > most) {
        throw error(error_code::invalid_option, format("logprobs is %d, but must be from 0 to %lld, or -1 for none",
                                                       request.n_logprobs, (long long) most));
    }
}

void runner::submit(uint32_t id, generate_request && request, cancel_flag cancelled) {
    std::vector<int32_t> prompt = tokenize(request.prompt, request.images);
    check_options(request);
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

static std::vector<std::string> keys_of(const std::vector<image_input> & images) {
    std::vector<std::string> keys;
    for (const image_input & image : images) {
        keys.push_back(image.key);
    }
    return keys;
}

/** Refuses the request whose turn it is when it would wait for slots of kept images, and others behind it. */
bool runner::refuse_next() {
    const auto next =
        std::find_if(sequences_.begin(), sequences_.end(), [](const auto & s) { return s->state() == phase::queued; });
    if (next == sequences_.end() || pins_.is_empty()) {
        return false;
    }
    const auto cause = pins_.refusal(keys_of((*next)->request().images));
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
    int64_t n_cells = context_.self().n_cells();
    sequence * next = nullptr;
    for (const auto & s : sequences_) {
        if (s->state() == phase::queued) {
            next = next ? next : s.get();
        } else if (s->seq >= 0) {
            n_cells -= cells_needed(*s);
        }
    }
    const auto free_seq = std::find(seq_used_.begin(), seq_used_.end(), false);
    if (!next || free_seq == seq_used_.end() || cells_needed(*next) > n_cells) {
        return false;
    }
    if (!next->request().images.empty() && pins_.is_waiting_before(next->id())) {
        return false; // slots are given out first come, first served
    }
    // A slot for every image, or none: half a set would only keep others waiting.
    std::optional<std::vector<int32_t>> slots = context_.cross().acquire(keys_of(next->request().images));
    if (!slots) {
        return false;
    }
    next->slots = std::move(*slots);
    *free_seq   = true;
    next->seq   = int32_t(free_seq - seq_used_.begin());
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
            return s->state() == phase::queued && !s->request().images.empty() && s->id() < pin->id;
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

bool runner::run_batch() {
    guess_next();
    const std::vector<batch_share> shares = plan_batch(sequences_, context_.options().n_batch);
    if (shares.empty()) {
        return false;
    }
    std::vector<sequence *> members;
    std::vector<batch_row> rows;
    for (const batch_share & share : shares) {
        sequence & s                     = *sequences_[share.index];
        const std::vector<int64_t> cells = context_.self().take(s.seq, s.n_past, share.n_rows);
        for (int32_t i = 0; i < share.n_rows; i++) {
            const size_t pos    = size_t(s.n_past + i);
            const size_t n_sure = s.tokens().size();
            const int32_t token = pos < n_sure ? s.tokens()[pos] : s.guess[pos - n_sure];
            rows.push_back({token, int32_t(pos), s.seq, cells[size_t(i)], pos + 1 >= n_sure, &s.images});
        }
        members.push_back(&s);
    }
    if (!compute(members, rows)) {
        return true;
    }
    const float * logits = context_.logits().data();
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
        for (const sequence * s : members) {
            context_.self().release(s->seq, s->n_past);
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
    context_.self().release(s.seq, s.n_past);
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
    release(s);
    s.move_to(phase::done);
    emit_(std::move(e));
}

void runner::fail(sequence & s, const error & cause) {
    if (cause.code() == error_code::model_output) {
        forget_values(s);
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
    context_.self().wipe(s.seq);
    for (const int32_t slot : s.slots) {
        context_.cross().distrust(slot);
        pins_.distrust(slot);
    }
}

/** Gives back what a sequence holds in the caches. */
void runner::release(sequence & s) {
    for (const int32_t slot : s.slots) {
        context_.cross().release(slot);
    }
    s.slots.clear();
    s.images.clear();
    if (s.seq >= 0) {
        context_.self().release(s.seq);
        seq_used_[size_t(s.seq)] = false;
        s.seq                    = -1;
    }
}

// --- whole prompts --------------------------------------------------------------------------------------------------

void runner::run_whole(const evaluate_request & request, const cancel_flag & cancelled,
                       const std::function<void(const pass_request &)> & run) {
    const std::vector<int32_t> tokens = tokenize(request.prompt, request.images);
    if (const auto cause = pins_.refusal(std::vector<std::string>(request.images.size()))) {
        throw *cause;
    }
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
