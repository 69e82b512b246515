#pragma once
// The pieces of a vocabulary as a trie over bytes: a walk meets every beginning that tokens share only once. Immutable.

#include "vocab.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bllossom {

class token_trie {
  public:
    struct node {
        uint32_t end;         // index of the first node that is not below this one
        uint32_t first_token; // in `tokens`, up to the next node's: those whose piece ends here
        uint16_t depth;       // bytes to here, this one included
        uint8_t byte;
    };

    /** Of all tokens that write text: control and stop tokens are left out. */
    explicit token_trie(const vocab & v);

    int64_t n_vocab() const { return n_vocab_; }
    size_t n_nodes() const { return nodes_.size() - 1; }
    size_t max_depth() const { return max_depth_; }

    /** In depth-first order: the first child of a node, if any, is the next one. One more marks the end. */
    const node & at(size_t i) const { return nodes_[i]; }
    const std::vector<int32_t> & tokens() const { return tokens_; }

    /** The bytes of a token; empty for one that is not in the trie. */
    std::string_view piece(int32_t token) const;

    /** The tokens that are this one byte. */
    const std::vector<int32_t> & of_byte(uint8_t byte) const { return of_byte_[byte]; }

    bool is_stop(int32_t token) const;
    const std::vector<int32_t> & stop_tokens() const { return stops_; } // those with a logit

  private:
    void build(std::vector<int32_t> && sorted);

    int64_t n_vocab_;
    std::string bytes_;                // of all pieces
    std::vector<uint32_t> piece_ends_; // [n_vocab]
    std::vector<node> nodes_;
    std::vector<int32_t> tokens_;
    std::array<std::vector<int32_t>, 256> of_byte_;
    std::vector<int32_t> stops_;
    size_t max_depth_ = 0;
};

} // namespace bllossom
