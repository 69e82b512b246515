#include "grammar-cache.h"

namespace bllossom {

std::shared_ptr<const grammar> grammar_cache::get(const std::string & text) {
    const auto found = by_text_.find(text);
    if (found != by_text_.end()) {
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->second;
    }
    entries_.emplace_front(text, compile_grammar(text));
    by_text_.emplace(entries_.front().first, entries_.begin());
    if (entries_.size() > capacity) {
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
