#pragma once
// Comes before ggml's AMX kernels where GCC compiles them. What GCC has for tiles does not say that memory is read or
// written: stores before a load are moved behind it or left out (of the configuration in its bug 114098, and of what
// the kernels unpack), and its products come out wrong. The same instructions, with all they touch.

#include <immintrin.h>

#undef _tile_loadconfig
#define _tile_loadconfig(config) __asm__ volatile("ldtilecfg %0" ::"m"(*(const char(*)[64])(config)))

#undef _tile_loadd_internal
#define _tile_loadd_internal(dst, base, stride)                                                                        \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #dst ::"r"((const void *) (base)), "r"((long) (stride)) : "memory")

#undef _tile_stored_internal
#define _tile_stored_internal(src, base, stride)                                                                       \
    __asm__ volatile("tilestored %%tmm" #src ", (%0,%1,1)" ::"r"((void *) (base)), "r"((long) (stride)) : "memory")
