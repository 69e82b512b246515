#pragma once
// One engine, used as the addon uses it, commands in and events out, by one thread that waits.

#include "arguments.h"
#include "engine.h"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

namespace bench {

/** What every command that loads a model takes: --device, --threads, --context, --kv. */
bllossom::engine_options read_options(const arguments & args, const std::string & model);

class session {
  public:
    session();
    ~session();
    session(const session &)             = delete;
    session & operator=(const session &) = delete;

    // Each throws what the engine reports as an error.
    std::shared_ptr<const bllossom::model_info> load(const bllossom::engine_options & options);
    bllossom::event run(bllossom::generate_request request);
    std::shared_ptr<const bllossom::evaluation> evaluate(bllossom::evaluate_request request);

    /** Runs them at the same time; their final events, in the order of the requests. */
    std::vector<bllossom::event> run_all(std::vector<bllossom::generate_request> requests);

    bllossom::memory_use memory() const { return engine_->memory(); }

  private:
    bllossom::event wait(uint32_t id);

    std::mutex mutex_;
    std::condition_variable woken_;
    bool has_news_    = false;
    uint32_t last_id_ = 0;
    std::map<uint32_t, bllossom::event> settled_;
    std::unique_ptr<bllossom::engine> engine_;
};

} // namespace bench
