#pragma once
// How long a test waits before it calls something a hang.

#include <cstdlib>

/** Seconds times BLLOSSOM_SLOWNESS (default 1): how many times slower than a processor an emulator is. */
template <typename T> T patient(T seconds) {
    const char * slowness = std::getenv("BLLOSSOM_SLOWNESS");
    return seconds * T(slowness != nullptr ? std::atoi(slowness) : 1);
}
