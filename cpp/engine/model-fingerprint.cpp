#include "model-fingerprint.h"

#include "checksum.h"

#include <algorithm>

namespace bllossom {

namespace {

constexpr uint64_t n_pieces    = 8; // of a tensor, from its first to its last byte
constexpr uint64_t piece_bytes = 512;

struct value_adder {
    checksum & sum;

    void operator()(std::string_view text) const { sum.add(text.data(), text.size()); }
    template <typename T> void operator()(T number) const { sum.add(&number, sizeof(number)); }
};

/** In the order of their names: the same model may be written in another one. */
template <typename T, typename Name> std::vector<const T *> by_name(const std::vector<T> & items, Name && name) {
    std::vector<const T *> sorted;
    for (const T & item : items) {
        sorted.push_back(&item);
    }
    std::sort(sorted.begin(), sorted.end(), [&](const T * a, const T * b) { return name(*a) < name(*b); });
    return sorted;
}

void add_hparams(checksum & sum, const gguf_metadata & metadata) {
    for (const gguf_entry * entry : by_name(metadata.entries(), [](const auto & e) { return e.key; })) {
        if (entry->key.rfind("mllama.", 0) != 0) {
            continue;
        }
        sum.add(entry->key);
        for (const gguf_scalar & value : metadata.elements(*entry)) {
            std::visit(value_adder{sum}, value);
        }
    }
}

void add_tensor(checksum & sum, const source_tensor & tensor) {
    sum.add(tensor.name);
    for (const int64_t number : {int64_t(tensor.type), int64_t(tensor.stored->type), int64_t(tensor.change),
                                 tensor.ne[0], tensor.ne[1], tensor.ne[2], tensor.ne[3]}) {
        sum.add(&number, sizeof(number));
    }
    const uint64_t n_bytes = tensor.stored->bytes;
    const bool is_small    = n_bytes <= n_pieces * piece_bytes;
    std::vector<char> piece(is_small ? n_bytes : piece_bytes);
    for (uint64_t i = 0; i < (is_small ? 1 : n_pieces); i++) {
        const uint64_t from = is_small ? 0 : (n_bytes - piece_bytes) / (n_pieces - 1) * i;
        tensor.file->read(tensor.stored->offset + from, piece.data(), piece.size());
        sum.add(piece.data(), piece.size());
    }
}

} // namespace

std::string fingerprint_of(const model_source & source) {
    checksum sum;
    add_hparams(sum, source.metadata());
    for (const source_tensor * tensor : by_name(source.tensors(), [](const auto & t) { return t.name; })) {
        add_tensor(sum, *tensor);
    }
    return sum.text();
}

} // namespace bllossom
