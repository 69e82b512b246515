#pragma once
// Ollama's files of Mllama models in terms of our schema (docs/gguf.md). There are two layouts:
//
//   pair    up to 0.6: a text model, and a "projector" with the vision tower. Norms are called ln1 and ln2, fc1 and fc2
//   of
//           the vision MLP have each other's names.
//   single  0.7 to the end: one file, names as ours.
//
// In both, the columns of the projector are interleaved, vision gates have tanh applied, one gate is stored as two
// (1 - tanh, tanh), and keys that the program knew by heart are missing.
//
// Two things a file does not say:
//
//   Gates of the global layers in a single file are raw where version 0.7.0 converted it, and have tanh applied since.
//   Checkpoints hold them in 16 bits, tanh of such a number never fits: when all are numbers of 16 bits, or one is
//   beyond 1, they are raw.
//
//   Rows of cross-attention queries and keys were paired up like those of self-attention, though there is no rotation
//   to pair them for, while the norms of the heads kept their order. Both converters did so, so this is what
//   "automatic" takes; nothing in the file can show it. The norms are put into the order of the rows.

#include "model-source.h"

#include <vector>

namespace bllossom {

/**
 * The keys of our schema. text and vision are the same file in the single layout. Throws error{model_format} when one
 * is missing that nothing can replace.
 */
gguf_metadata ollama_metadata(const gguf_file & text, const gguf_file & vision);

/**
 * The tensors of our schema, with what makes them so; names that are unknown stay as they are. Vision weights in F16
 * are read as BF16, for F16 is too small for what the tower computes with. Throws error{model_format}, error{io}.
 */
std::vector<source_tensor> ollama_tensors(const gguf_file & text, const gguf_file & vision, layout_hints hints);

} // namespace bllossom
