#pragma once
// The commands of the program. Each prints JSON lines and throws what fails; bench/README.md names their options.

#include "arguments.h"

namespace bench {

// Speeds, one value per repetition.
void run_decode(const arguments & args);  // tokens/s of one stream, optionally after a picture
void run_prefill(const arguments & args); // tokens/s of a prompt
void run_image(const arguments & args);   // ms to encode a picture
void run_streams(const arguments & args); // tokens/s of several streams together
void run_load(const arguments & args);    // ms until a model is ready

void run_memory(const arguments & args);        // bytes planned, reported and measured
void run_out_of_memory(const arguments & args); // a load that cannot fit, and what works after it

// Limits of the machine, for what a speed could be at most.
void run_read_ceiling(const arguments & args);    // bytes/s read from memory
void run_take_ceiling(const arguments & args);    // bytes/s of memory taken from the system
void run_product_ceiling(const arguments & args); // FLOP/s of a product of matrices

// Numbers against a file of golden values.
void run_goldens(const arguments & args); // weights in F32
void run_drift(const arguments & args);   // stored types

// Files.
void run_random_model(const arguments & args); // fills the tensors of a header
void run_export_text(const arguments & args);  // the text model as llama.cpp reads it

} // namespace bench
