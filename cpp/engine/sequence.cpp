#include "sequence.h"

#include <algorithm>

namespace bllossom {

static std::vector<std::string> keys_of(const std::vector<image_input> & images) {
    std::vector<std::string> keys;
    for (const image_input & image : images) {
        keys.push_back(image.key);
    }
    return keys;
}

sequence::sequence(uint32_t id, generate_request && request, std::vector<int32_t> && prompt, const vocab & v,
                   cancel_flag cancelled)
    : lookup(request.n_lookup), id_(id),
      request_(std::move(request)), source_{std::move(prompt), keys_of(request_.images)},
      n_prompt_(int32_t(tokens().size())), cancelled_(std::move(cancelled)), n_vocab_(v.n_logits()),
      sampler_(v, request_.sampling), credit_(request_.credit), stop_text_(request_.stop) {
    if (request_.n_logprobs >= 0) {
        logprobs_.emplace();
    }
    for (const int32_t token : tokens()) {
        sampler_.accept(token);
    }
}

static bool is_legal(phase from, phase to) {
    switch (from) {
    case phase::queued:
        return to == phase::encoding || to == phase::done;
    case phase::encoding:
        return to == phase::prefill || to == phase::done;
    case phase::prefill:
        return to == phase::decoding || to == phase::done;
    case phase::decoding:
        return to == phase::parked || to == phase::done;
    case phase::parked:
        return to == phase::decoding || to == phase::done;
    case phase::done:
        return false;
    }
    return false;
}

void sequence::move_to(phase next) {
    if (!is_legal(state_, next)) {
        throw error(error_code::internal,
                    format("request %u: illegal move from state %d to %d", id_, int(state_), int(next)));
    }
    const clock::time_point now = clock::now();
    if (next == phase::encoding) {
        started_ = now;
    } else if (next == phase::prefill) {
        prefilled_ = now;
    }
    state_ = next;
}

void sequence::constrain(std::shared_ptr<const grammar> g, std::shared_ptr<const token_trie> trie, int64_t n_left) {
    constraint_ = std::make_unique<token_constraint>(std::move(g), std::move(trie), sampler_.forbidden(), n_left,
                                                     /*may_stop*/ !request_.ignore_eos);
}

int32_t sequence::sample(const float * logits) {
    const int32_t token = sampler_.sample(logits, constraint_.get());
    if (token == sampler::no_token && !constraint_->may_end()) {
        throw error(error_code::internal, "the grammar allows no token, but the answer is not complete");
    }
    return token;
}

std::string sequence::append(int32_t token, const std::string & text) {
    last_token_ = clock::now();
    if (constraint_) {
        constraint_->accept(token);
    }
    if (n_generated() == 0) {
        first_token_ = last_token_;
    }
    source_.tokens.push_back(token);
    return stop_text_.push(utf8_hold_.push(text));
}

void sequence::note_logprobs(int32_t token, const float * logits) {
    if (logprobs_) {
        logprobs_->add(token, logits, n_vocab_, request_.n_logprobs);
    }
}

std::string sequence::finish_text() {
    const std::string ready = stop_text_.push(utf8_hold_.finish());
    return ready + stop_text_.finish();
}

void sequence::spend_credit() {
    credit_--;
    if (credit_ <= 0 && state_ == phase::decoding) {
        move_to(phase::parked);
    }
}

void sequence::grant(int64_t pieces) {
    if (pieces <= 0) {
        return;
    }
    // Saturating: a reader that wants everything grants a very large number.
    credit_ = pieces > INT64_MAX - std::max<int64_t>(credit_, 0) ? INT64_MAX : credit_ + pieces;
    if (credit_ > 0 && state_ == phase::parked) {
        move_to(phase::decoding);
    }
}

generate_stats sequence::stats() const {
    const auto seconds = [](clock::time_point from, clock::time_point to) {
        const bool both = from.time_since_epoch().count() > 0 && to > from;
        return both ? std::chrono::duration<double>(to - from).count() : 0.0;
    };
    generate_stats s;
    s.n_prompt         = n_prompt_;
    s.n_generated      = n_generated();
    s.n_reused         = n_reused;
    s.n_images_encoded = n_images_encoded;
    s.n_guessed        = n_guessed;
    s.n_guessed_right  = n_guessed_right;
    s.queue_time       = seconds(submitted_, started_);
    s.encode_time      = request_.images.empty() ? 0.0 : seconds(started_, prefilled_);
    s.prompt_time      = seconds(prefilled_, first_token_);
    s.decode_time      = seconds(first_token_, last_token_);
    s.first_token_time = seconds(submitted_, first_token_);
    return s;
}

} // namespace bllossom
