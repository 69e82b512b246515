#include "token-constraint.h"

#include "error.h"

#include <algorithm>

namespace bllossom {

/** The bytes that have a token of their own which may be chosen. */
static byte_set writable_bytes(const token_trie & trie, const std::vector<int32_t> & forbidden) {
    byte_set bytes;
    for (size_t byte = 0; byte < bytes.size(); byte++) {
        const auto & tokens = trie.of_byte(uint8_t(byte));
        bytes[byte]         = std::any_of(tokens.begin(), tokens.end(), [&](int32_t token) {
            return !std::binary_search(forbidden.begin(), forbidden.end(), token);
        });
    }
    return bytes;
}

static grammar_matcher make_matcher(const std::shared_ptr<const grammar> & g, const byte_set & bytes) {
    return grammar_matcher(g, std::make_shared<const grammar_costs>(*g, bytes));
}

token_constraint::token_constraint(std::shared_ptr<const grammar> g, std::shared_ptr<const token_trie> trie,
                                   const std::vector<int32_t> & forbidden, int64_t n_left, bool may_stop)
    : trie_(std::move(trie)), matcher_(make_matcher(g, writable_bytes(*trie_, forbidden))), state_(matcher_.start()),
      n_left_(n_left), may_stop_(may_stop) {
    if (state_ == grammar_matcher::dead) {
        throw error(error_code::invalid_option,
                    "the grammar needs characters that no token can write: change it or logitBias");
    }
    if (matcher_.cost(state_) > uint64_t(n_left)) {
        throw error(error_code::invalid_option,
                    format("the shortest text of the grammar has %llu bytes and may need as many tokens, but maxTokens "
                           "and the context leave %lld: raise them or change the grammar",
                           (unsigned long long) matcher_.cost(state_), (long long) n_left));
    }
}

grammar_matcher::state token_constraint::after(std::string_view bytes) {
    grammar_matcher::state s = state_;
    for (size_t i = 0; i < bytes.size() && s != grammar_matcher::dead; i++) {
        s = matcher_.next(s, uint8_t(bytes[i]));
    }
    return s;
}

bool token_constraint::allows(int32_t token) {
    if (trie_->is_stop(token)) {
        return may_stop_ && may_end();
    }
    const std::string_view bytes = trie_->piece(token);
    if (bytes.empty()) {
        return false;
    }
    const grammar_matcher::state s = after(bytes);
    return s != grammar_matcher::dead && in_reach(s);
}

void token_constraint::accept(int32_t token) {
    const grammar_matcher::state s = after(trie_->piece(token));
    if (s == grammar_matcher::dead) {
        throw error(error_code::internal, format("token %d was chosen against the grammar", token));
    }
    state_ = matcher_.begin_token(s);
    n_left_--;
}

const std::vector<uint8_t> & token_constraint::mask() {
    mask_.assign(size_t(trie_->n_vocab()), 0);
    path_.resize(trie_->max_depth() + 1);
    path_[0] = state_;
    for (size_t i = 0; i < trie_->n_nodes();) {
        const token_trie::node & node  = trie_->at(i);
        const grammar_matcher::state s = matcher_.next(path_[node.depth - 1u], node.byte);
        if (s == grammar_matcher::dead) {
            i = node.end;
            continue;
        }
        path_[node.depth] = s;
        i++;
        if (in_reach(s)) {
            for (uint32_t t = node.first_token; t < trie_->at(i).first_token; t++) {
                mask_[size_t(trie_->tokens()[t])] = 1;
            }
        }
    }
    if (may_stop_ && may_end()) {
        for (const int32_t stop : trie_->stop_tokens()) {
            mask_[size_t(stop)] = 1;
        }
    }
    return mask_;
}

} // namespace bllossom
