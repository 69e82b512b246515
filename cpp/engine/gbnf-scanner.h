#pragma once
// The text of a grammar, read from left to right: spaces, names, numbers, characters. Everything wrong ends in
// error{invalid_option} with the line and column, both from 1 and in characters.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bllossom {

[[noreturn]] void fail_at(std::string_view text, size_t offset, const std::string & what);

class gbnf_scanner {
  public:
    /** Refuses text that is too long, is not UTF-8 or holds NUL. */
    explicit gbnf_scanner(std::string_view text);

    size_t pos() const { return pos_; }
    bool at_end() const { return pos_ >= text_.size(); }

    /** NUL at the end. */
    char peek() const { return at_end() ? '\0' : text_[pos_]; }
    bool sees(std::string_view expected) const { return text_.substr(pos_, expected.size()) == expected; }
    bool sees_name() const;

    void skip(size_t n_bytes) { pos_ += n_bytes; }
    void skip_space(bool newlines_too); // comments too

    std::string_view read_name();

    /** A number of repetitions. */
    uint32_t read_count();

    /** A character of a literal or class, escaped or not. Not at the end. */
    uint32_t read_char();

    [[noreturn]] void fail(size_t offset, const std::string & what) const { fail_at(text_, offset, what); }
    [[noreturn]] void fail_expecting(const std::string & what) const;

    /** What comes next, for messages. */
    std::string next_shown() const;

  private:
    uint32_t read_hex(size_t n_digits, size_t start);

    std::string_view text_;
    size_t pos_ = 0;
};

} // namespace bllossom
