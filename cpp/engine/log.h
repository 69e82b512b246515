#pragma once
// What ggml and llama.cpp have to say. They write to stderr unless told otherwise; a library must not.

namespace bllossom {

/**
 * Takes over their logs, for the whole process: silent, or with BLLOSSOM_DEBUG=1 in the environment everything goes to
 * stderr. Later calls do nothing. Thread-safe.
 */
void init_log();

} // namespace bllossom
