#pragma once
// The compiled grammars used last, so that requests with the same text share one; and, from the first of them on, the
// trie of the vocabulary. Lives on the engine thread.

#include "grammar.h"
#include "token-trie.h"

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace bllossom {

class grammar_cache {
  public:
    static constexpr size_t capacity  = 32;
    static constexpr size_t max_bytes = 4 << 20; // of all texts; a compiled grammar takes up to some 20 times its text

    explicit grammar_cache(std::shared_ptr<const vocab> v) : vocab_(std::move(v)) {}

    /** Throws error{invalid_option}. */
    std::shared_ptr<const grammar> get(const std::string & text);

    std::shared_ptr<const token_trie> trie();

  private:
    using entry = std::pair<std::string, std::shared_ptr<const grammar>>;

    std::shared_ptr<const vocab> vocab_;
    std::shared_ptr<const token_trie> trie_;
    std::list<entry> entries_; // the one used last is first
    size_t n_bytes_ = 0;       // of their texts
    std::unordered_map<std::string_view, std::list<entry>::iterator> by_text_;
};

} // namespace bllossom
