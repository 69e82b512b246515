#pragma once
// Included ahead of ggml's AMX kernels. GCC before 11.5, 12.4 and 13.3 tells its optimiser that _tile_loadconfig reads
// 8 bytes instead of 64, which drops the stores to the rest of the configuration: the processor refuses it and the
// process dies of SIGSEGV on the first quantized multiplication (GCC bug 114098; seen with 12.2 on Sapphire Rapids).

#if defined(__GNUC__) && !defined(__clang__) && defined(__AMX_TILE__)
#include <immintrin.h>
#define _tile_loadconfig(config) __asm__ volatile("ldtilecfg\t%0" ::"m"(*(const char(*)[64])(config)))
#endif
