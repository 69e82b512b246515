#pragma once
// Finds stop texts in a stream of pieces and keeps back what might be the beginning of one. Knows no ggml.

#include <string>
#include <vector>

namespace bllossom {

class stop_text {
  public:
    explicit stop_text(std::vector<std::string> stops) : stops_(std::move(stops)) {}

    /** Text that can be sent now. After a stop text was found nothing more comes out. */
    std::string push(const std::string & piece);

    bool found() const { return found_; }

    /** What was kept back, when the stream ends without a stop text. */
    std::string finish();

  private:
    std::vector<std::string> stops_;
    std::string held_;
    bool found_ = false;
};

} // namespace bllossom
