#pragma once
// The vocabulary of Llama 3, which llama.cpp publishes for its tests, under the keys of docs/gguf.md: the image token
// appended, the stop tokens listed.

#include <cstdint>
#include <string>

namespace tiny {

constexpr int32_t llama3_n_logits = 128256, llama3_id_image = 128256;

/** Writes the file and returns its path. */
std::string write_llama3_vocab(const std::string & path);

} // namespace tiny
