#pragma once
// A listener of one engine: collects its events and waits for what a test expects.

#include "engine.h"

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace tiny {

using namespace bllossom;

class client {
  public:
    /** on_wake: run on the engine thread before this object learns of the events. */
    explicit client(std::function<void(engine &)> on_wake = nullptr);
    ~client();

    engine & get() { return *engine_; }

    // Each sends a command under the next id and returns the id.
    uint32_t load(const engine_options & options);
    uint32_t unload();
    uint32_t generate(const generate_request & request);
    uint32_t evaluate(const evaluate_request & request);
    uint32_t encode_image(const image_input & image);
    uint32_t release_image(uint32_t kept);
    uint32_t begin_importance(const std::string & from = "");
    uint32_t collect(const evaluate_request & request);
    uint32_t write_importance(const importance_target & target);
    uint32_t end_importance();
    uint32_t clear_caches();
    uint32_t save_session(const std::string & path);
    uint32_t load_session(const std::string & path);

    /** Waits until the id is settled and returns the event that did. Ends the process after a minute. */
    event settled(uint32_t id);

    /** Waits for n pieces of an id, or for its end. */
    void pieces(uint32_t id, size_t n);

    /** The name of the code that settles the id; "" when it is settled without an error. */
    std::string code(uint32_t id);

    /** Everything an id has said so far. */
    std::vector<event> said(uint32_t id);
    std::string text(uint32_t id);

    /** Whether no event came twice or after the end of its id, for all ids that were ever given out. */
    bool every_id_settled_once();

  private:
    void collect();
    void wait(const std::function<bool()> & is_true);

    std::mutex mutex_;
    std::condition_variable woken_;
    bool has_news_    = false;
    uint32_t last_id_ = 0;
    std::map<uint32_t, std::vector<event>> events_;
    std::unique_ptr<engine> engine_;
};

} // namespace tiny
