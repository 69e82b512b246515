#pragma once
// UTF-8, one character at a time; Unicode 15, table 3-7 (well-formed UTF-8 byte sequences).

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bllossom {

constexpr uint32_t max_code_point = 0x10FFFF;

constexpr bool is_surrogate(uint32_t code) {
    return code >= 0xD800 && code <= 0xDFFF;
}

struct utf8_character {
    uint32_t code;
    size_t n_bytes; // 0: these bytes begin no character
};

/** The character at the beginning of `bytes`. No overlong forms, no surrogates, nothing above U+10FFFF. */
utf8_character read_utf8(std::string_view bytes);

/** Bytes of the sequence that this byte begins; 0 for a byte that begins none. */
constexpr int utf8_length(uint8_t lead) {
    return lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
}

/** The smallest code point that takes so many bytes, [length]. */
constexpr uint32_t utf8_smallest[6] = {0, 0, 0x80, 0x800, 0x10000, max_code_point + 1};

} // namespace bllossom
