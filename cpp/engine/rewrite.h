#pragma once
// Plans of files that are made from a model of any layout.

#include "model-copy.h"

namespace bllossom {

/** What becomes of the weights of the vision tower and the projector that are not quantized yet. */
enum class vision_store {
    keep, // as they are read: what was F16 is BF16
    bf16,
    q8_0, // the matrices; rows that are not whole blocks, tables and the patch kernel become BF16
};

/**
 * The same model as a file of our schema; the text model keeps its bytes. Throws what loading throws for a model that
 * is not sound.
 */
copy_plan plan_rewrite(const model_source & source, vision_store vision);

/**
 * The text model alone as a file of llama.cpp's architecture "llama": without the cross layers, whose place the layers
 * behind them take, and without the tokens that have no logits. What it computes is what the model computes without
 * images. Throws what loading throws for a model that is not sound.
 */
copy_plan plan_text_export(const model_source & source);

} // namespace bllossom
