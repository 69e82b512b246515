#pragma once
// A number that tells bytes apart which differ by accident. No protection against who makes them equal on purpose.

#include <cstdint>
#include <cstring>
#include <string>

#include "error.h"

namespace bllossom {

/** FNV-1a over words of eight bytes; what is added apart counts apart, so that "ab", "c" is not "a", "bc". */
class checksum {
  public:
    void add(const void * bytes, size_t n_bytes) {
        const char * from = static_cast<const char *>(bytes);
        add_word(n_bytes);
        for (; n_bytes >= sizeof(uint64_t); n_bytes -= sizeof(uint64_t), from += sizeof(uint64_t)) {
            uint64_t word;
            memcpy(&word, from, sizeof(word));
            add_word(word);
        }
        if (n_bytes > 0) {
            uint64_t word = 0;
            memcpy(&word, from, n_bytes);
            add_word(word);
        }
    }

    void add(const std::string & text) { add(text.data(), text.size()); }

    /** 16 hexadecimal digits. */
    std::string text() const { return format("%016llx", (unsigned long long) value_); }

  private:
    void add_word(uint64_t word) {
        value_ = (value_ ^ word) * 0x100000001b3ull;
        value_ ^= value_ >> 32; // a product carries upwards only
    }

    uint64_t value_ = 0xcbf29ce484222325ull;
};

} // namespace bllossom
