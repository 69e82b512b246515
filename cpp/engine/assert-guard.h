#pragma once
// A net under our own validation: while a guard lives on this thread, a failed GGML_ASSERT throws error{model_format}
// instead of ending the process. Use it around loading and graph building only, where ggml runs on the calling thread;
// never around compute, whose worker threads cannot unwind. After a throw, discard the whole model or graph.

namespace bllossom {

class assert_guard {
  public:
    assert_guard();
    ~assert_guard();
    assert_guard(const assert_guard &)             = delete;
    assert_guard & operator=(const assert_guard &) = delete;
};

} // namespace bllossom
