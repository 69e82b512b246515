#include "grammar-cache.h"

namespace bllossom {

static_assert(grammar_limits::max_bytes <= grammar_cache::max_bytes);

std::shared_ptr<const grammar> grammar_cache::get(const std::string & text) {
    const auto found = by_text_.find(text);
    if (found != by_text_.end()) {
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->second;
    }
    entries_.emplace_front(text, compile_grammar(text));
    by_text_.emplace(entries_.front().first, entries_.begin());
    n_bytes_ += text.size();
    while (entries_.size() > capacity || n_bytes_ > max_bytes) { // one text alone is always within the limit
        n_bytes_ -= entries_.back().first.size();
        by_text_.erase(entries_.back().first);
        entries_.pop_back();
    }
    return entries_.front().second;
}

std::shared_ptr<const token_trie> grammar_cache::trie() {
    if (!trie_) {
        trie_ = std::make_shared<const token_trie>(*vocab_);
    }
    return trie_;
}

} // namespace bllossom
