#pragma once
// The two values of an attention mask, as the F16 bits that flash attention adds to the scores.

#include <cstdint>

namespace bllossom {

constexpr uint16_t mask_attend = 0x0000; // 0
constexpr uint16_t mask_hide   = 0xFC00; // -infinity

} // namespace bllossom
