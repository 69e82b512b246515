#include "token-trie.h"

#include <algorithm>

namespace bllossom {

token_trie::token_trie(const vocab & v) : n_vocab_(v.n_logits()) {
    for (const int32_t stop : v.stop_tokens()) {
        if (stop < n_vocab_) {
            stops_.push_back(stop);
        }
    }
    std::vector<int32_t> order;
    for (int32_t token = 0; token < n_vocab_; token++) {
        const std::string text = is_stop(token) ? "" : v.piece(token); // empty for control tokens
        bytes_ += text;
        piece_ends_.push_back(uint32_t(bytes_.size()));
        if (!text.empty()) {
            order.push_back(token);
        }
        if (text.size() == 1) {
            of_byte_[uint8_t(text[0])].push_back(token);
        }
        max_depth_ = std::max(max_depth_, text.size());
    }
    std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return piece(a) < piece(b); });
    build(std::move(order));
}

void token_trie::build(std::vector<int32_t> && sorted) {
    std::vector<uint32_t> path; // nodes from the root to where the walk is
    const auto leave = [&](size_t depth) {
        for (; path.size() > depth; path.pop_back()) {
            nodes_[path.back()].end = uint32_t(nodes_.size());
        }
    };
    std::string_view before;
    for (uint32_t i = 0; i < sorted.size(); i++) {
        const std::string_view text = piece(sorted[i]);
        const auto differ           = std::mismatch(text.begin(), text.end(), before.begin(), before.end()).first;
        leave(size_t(differ - text.begin()));
        while (path.size() < text.size()) {
            path.push_back(uint32_t(nodes_.size()));
            nodes_.push_back({0, i, uint16_t(path.size()), uint8_t(text[path.size() - 1])});
        }
        before = text;
    }
    leave(0);
    const auto n_nodes  = uint32_t(nodes_.size());
    const auto n_tokens = uint32_t(sorted.size());
    nodes_.push_back({n_nodes, n_tokens, 0, 0});
    tokens_ = std::move(sorted);
}

std::string_view token_trie::piece(int32_t token) const {
    const uint32_t start = token == 0 ? 0 : piece_ends_[size_t(token) - 1];
    return std::string_view(bytes_).substr(start, piece_ends_[size_t(token)] - start);
}

bool token_trie::is_stop(int32_t token) const {
    return std::binary_search(stops_.begin(), stops_.end(), token);
}

} // namespace bllossom
