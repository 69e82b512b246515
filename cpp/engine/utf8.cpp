#include "utf8.h"

namespace bllossom {

utf8_character read_utf8(std::string_view bytes) {
    constexpr utf8_character none{0, 0};
    if (bytes.empty()) {
        return none;
    }
    const auto lead     = uint8_t(bytes[0]);
    const size_t length = size_t(utf8_length(lead));
    if (length == 0 || length > bytes.size()) {
        return none;
    }
    uint32_t code = length == 1 ? lead : lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        const auto next = uint8_t(bytes[i]);
        if ((next & 0xC0) != 0x80) {
            return none;
        }
        code = code << 6 | (next & 0x3Fu);
    }
    const bool valid = code >= utf8_smallest[length] && code <= max_code_point && !is_surrogate(code);
    return valid ? utf8_character{code, length} : none;
}

} // namespace bllossom
