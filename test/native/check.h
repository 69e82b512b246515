#pragma once
// The smallest possible test harness: a failed CHECK prints its place and makes the process exit with 1 in the end.

#include <cstdio>

namespace check {
inline int failures = 0;
inline int summary() {
    std::printf("%s\n", failures == 0 ? "ok" : "FAILED");
    return failures == 0 ? 0 : 1;
}
} // namespace check

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            std::fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #condition);                         \
            ++check::failures;                                                                                         \
        }                                                                                                              \
    } while (0)
