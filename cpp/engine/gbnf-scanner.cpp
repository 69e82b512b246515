#include "gbnf-scanner.h"

#include "error.h"
#include "grammar.h"
#include "utf8.h"

#include <algorithm>

namespace bllossom {

namespace limits = grammar_limits;

void fail_at(std::string_view text, size_t offset, const std::string & what) {
    const std::string_view before = text.substr(0, offset);
    const size_t line             = size_t(std::count(before.begin(), before.end(), '\n')) + 1;
    const size_t line_start       = before.rfind('\n') + 1; // npos + 1 is 0
    const auto is_lead            = [](char c) { return (uint8_t(c) & 0xC0) != 0x80; };
    const auto from               = before.begin() + ptrdiff_t(line_start);
    throw error(error_code::invalid_option,
                format("grammar, line %zu, column %zu: %s", line,
                       size_t(std::count_if(from, before.end(), is_lead)) + 1, what.c_str()));
}

static bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/** How much of a name or character a message shows. */
static std::string shown(std::string_view text) {
    constexpr size_t most = 64;
    return text.size() <= most ? std::string(text) : std::string(text.substr(0, most)) + "...";
}

gbnf_scanner::gbnf_scanner(std::string_view text) : text_(text) {
    if (text.size() > limits::max_bytes) {
        throw error(error_code::invalid_option,
                    format("the grammar has %zu bytes, the limit is %zu: shorten it", text.size(), limits::max_bytes));
    }
    for (size_t i = 0; i < text.size();) {
        const utf8_character next = read_utf8(text.substr(i));
        if (next.n_bytes == 0) {
            fail_at(text, i, format("the byte 0x%02X is not part of UTF-8 text", uint8_t(text[i])));
        }
        if (next.code == 0) {
            fail_at(text, i, "the text holds NUL; in a class write \\x00");
        }
        i += next.n_bytes;
    }
}

bool gbnf_scanner::sees_name() const {
    return is_word_char(peek());
}

void gbnf_scanner::fail_expecting(const std::string & what) const {
    fail(pos_, "expected " + what + ", found " + next_shown());
}

std::string gbnf_scanner::next_shown() const {
    return pos_ < text_.size() ? "\"" + std::string(text_.substr(pos_, read_utf8(text_.substr(pos_)).n_bytes)) + "\""
                               : "the end of the text";
}

void gbnf_scanner::skip_space(bool newlines_too) {
    while (pos_ < text_.size()) {
        const char c = text_[pos_];
        if (c == '#') {
            pos_ = std::min(text_.find_first_of("\r\n", pos_), text_.size());
        } else if (c == ' ' || c == '\t' || (newlines_too && (c == '\r' || c == '\n'))) {
            pos_++;
        } else {
            return;
        }
    }
}

std::string_view gbnf_scanner::read_name() {
    const size_t start = pos_;
    while (is_word_char(peek())) {
        pos_++;
    }
    if (pos_ == start) {
        fail_expecting("the name of a rule");
    }
    return text_.substr(start, pos_ - start);
}

uint32_t gbnf_scanner::read_count() {
    const size_t start = pos_;
    uint64_t value     = 0;
    for (; peek() >= '0' && peek() <= '9'; pos_++) {
        value = std::min<uint64_t>(value * 10 + uint64_t(peek() - '0'), UINT32_MAX);
    }
    if (pos_ == start) {
        fail_expecting("a number of repetitions");
    }
    if (value > limits::max_repeat) {
        fail(start, format("%s repetitions, the limit is %u: use {m,} for no limit",
                           shown(text_.substr(start, pos_ - start)).c_str(), limits::max_repeat));
    }
    return uint32_t(value);
}

uint32_t gbnf_scanner::read_hex(size_t n_digits, size_t start) {
    uint32_t code = 0;
    for (size_t i = 0; i < n_digits; i++, pos_++) {
        const char c    = peek();
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) {
            fail_expecting(format("%zu hexadecimal digits", n_digits));
        }
        code = code << 4 | uint32_t(digit);
    }
    if (code > max_code_point || is_surrogate(code)) {
        fail(start, format("U+%X is not a character", code));
    }
    return code;
}

/** A character of a literal or class, escaped or not. */
uint32_t gbnf_scanner::read_char() {
    const utf8_character next = read_utf8(text_.substr(pos_));
    const size_t start        = pos_;
    pos_ += next.n_bytes;
    if (next.code != '\\') {
        return next.code;
    }
    const char escape = peek();
    pos_++;
    switch (escape) {
    case 'x':
        return read_hex(2, start);
    case 'u':
        return read_hex(4, start);
    case 'U':
        return read_hex(8, start);
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'n':
        return '\n';
    case '\\':
    case '"':
    case '[':
    case ']':
    case '-':
        return uint32_t(escape);
    default:
        pos_ = start + 1;
        fail(start, "unknown escape: a backslash before " + next_shown());
    }
}

} // namespace bllossom
