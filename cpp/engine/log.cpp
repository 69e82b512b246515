#include "log.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <llama.h>

namespace bllossom {

static void discard(ggml_log_level, const char *, void *) {}

static void print(ggml_log_level, const char * text, void *) {
    fputs(text, stderr);
}

void init_log() {
    static std::once_flag once;
    std::call_once(once, [] {
        const char * debug = std::getenv("BLLOSSOM_DEBUG");
        const bool wanted  = debug && *debug && std::strcmp(debug, "0") != 0;
        llama_log_set(wanted ? print : discard, nullptr); // sets ggml's too
    });
}

} // namespace bllossom
