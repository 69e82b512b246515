#pragma once
// The seeded generator of malformed files. It knows the schema: most damage is put where a value is used, since blind
// bit flips mostly hit text.

#include "support/gguf-image.h"

#include <functional>
#include <string>

namespace tiny {

struct malformed_case {
    std::string category;
    std::string name;     // says what was done; unique with the seed
    std::string bytes;    // the whole file
    bool must_be_refused; // it may not even load
};

/**
 * Calls `run` for every case made from one sound file. `share` thins out the large families (1: every header byte,
 * every bit, every type of every key and tensor; 0.01: about one in a hundred), the small ones are always complete.
 */
void for_each_malformed(const gguf_image & good, const std::string & title, uint32_t seed, double share,
                        const std::function<void(const malformed_case &)> & run);

} // namespace tiny
