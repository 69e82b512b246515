#include "utf8-hold.h"

#include <cstdint>

namespace bllossom {

static constexpr const char * replacement = "\xEF\xBF\xBD"; // U+FFFD

namespace {
enum class verdict { whole, incomplete, invalid };
struct scan {
    verdict result;
    size_t n; // bytes of the character, or of the maximal invalid prefix
};
} // namespace

/** Reads one character; Unicode 15, table 3-7 (well-formed UTF-8 byte sequences). */
static scan read_character(std::string_view s) {
    const auto byte = [&](size_t i) { return uint8_t(s[i]); };
    const auto lead = byte(0);
    if (lead < 0x80) {
        return {verdict::whole, 1};
    }
    const size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                          : lead >= 0xE0 && lead <= 0xEF ? 3
                          : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                         : 0;
    if (length == 0) {
        return {verdict::invalid, 1};
    }
    for (size_t i = 1; i < length; i++) {
        if (i == s.size()) {
            return {verdict::incomplete, i};
        }
        // The second byte is narrower after some leads: no overlong forms, no surrogates, nothing above U+10FFFF.
        const uint8_t low  = i == 1 && lead == 0xE0 ? 0xA0 : i == 1 && lead == 0xF0 ? 0x90 : 0x80;
        const uint8_t high = i == 1 && lead == 0xED ? 0x9F : i == 1 && lead == 0xF4 ? 0x8F : 0xBF;
        if (byte(i) < low || byte(i) > high) {
            return {verdict::invalid, i};
        }
    }
    return {verdict::whole, length};
}

std::string utf8_hold::push(std::string_view bytes) {
    held_ += bytes;
    std::string out;
    std::string_view rest = held_;
    while (!rest.empty()) {
        const scan character = read_character(rest);
        if (character.result == verdict::incomplete) {
            break;
        }
        if (character.result == verdict::whole) {
            out += rest.substr(0, character.n);
        } else {
            out += replacement;
        }
        rest.remove_prefix(character.n);
    }
    held_ = std::string(rest);
    return out;
}

std::string utf8_hold::finish() {
    std::string out = held_.empty() ? "" : replacement;
    held_.clear();
    return out;
}

} // namespace bllossom
