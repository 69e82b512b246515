#include "cpu-tiles.h"

#if defined(__linux__) && defined(__x86_64__)

#include <cpuid.h>
#include <cstdint>
#include <sys/syscall.h>
#include <unistd.h>

namespace bllossom {

/** What the system saves of a thread's registers. */
static uint64_t saved_state() {
    uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return uint64_t(high) << 32 | low;
}

static bool has_instructions() {
    uint32_t a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) {
        return false;
    }
    constexpr uint64_t avx512 = 0xe6, tiles = 0x60000; // SSE, AVX and the three parts of AVX-512; the two of AMX
    if ((saved_state() & (avx512 | tiles)) != (avx512 | tiles) || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) {
        return false;
    }
    constexpr uint32_t avx512_f = 1u << 16, avx512_dq = 1u << 17, avx512_bw = 1u << 30, avx512_vl = 1u << 31; // in b
    constexpr uint32_t amx_bf16 = 1u << 22, amx_tile = 1u << 24;                                              // in d
    constexpr uint32_t in_b = avx512_f | avx512_dq | avx512_bw | avx512_vl, in_d = amx_bf16 | amx_tile;
    const bool has_most     = (b & in_b) == in_b && (d & in_d) == in_d && a >= 1;
    constexpr uint32_t bf16 = 1u << 5; // in a of the next
    return has_most && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & bf16) != 0;
}

/** Documented in the kernel's "Using XSTATE features in user space applications". */
static bool ask_for_tiles() {
    constexpr long arch_req_xcomp_perm = 0x1023, tile_data = 18;
    return syscall(SYS_arch_prctl, arch_req_xcomp_perm, tile_data) == 0;
}

bool has_bf16_tiles() {
    static const bool has = has_instructions() && ask_for_tiles();
    return has;
}

} // namespace bllossom

#else

namespace bllossom {

bool has_bf16_tiles() {
    return false;
}

} // namespace bllossom

#endif
