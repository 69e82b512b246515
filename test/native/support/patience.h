#pragma once
// How long a test waits before it calls something a hang.

#include <cstdlib>

/** Seconds times BLLOSSOM_SLOWNESS (default 1): how many times slower than a processor an emulator is. */
inline unsigned patient(unsigned seconds) {
    const char * slowness = std::getenv("BLLOSSOM_SLOWNESS");
    return seconds * (slowness != nullptr ? unsigned(std::atoi(slowness)) : 1);
}
