#pragma once
// Turns the bytes of tokens into text made of whole characters. A piece of a byte-level vocabulary may end inside a
// character (everyday Korean words do this); the incomplete end waits for the next piece. Knows no ggml.

#include <string>
#include <string_view>

namespace bllossom {

class utf8_hold {
  public:
    /** Whole characters available now. Bytes that can never become a character are replaced by U+FFFD. */
    std::string push(std::string_view bytes);

    /** What is left at the end: an incomplete character becomes one U+FFFD. */
    std::string finish();

  private:
    std::string held_;
};

} // namespace bllossom
