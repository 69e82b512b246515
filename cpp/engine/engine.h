#pragma once
// The engine as its users see it: commands in, events out, from any thread.
//
// One thread owns every ggml and llama object from load to free. Commands return at once and are carried out in order
// on that thread; everything that happens is reported as events, which `drain` hands over. Every id given to a command
// is settled by exactly one event (event.h). Ids count up: of two that wait for the same, the lower one came first.
// Nothing here knows N-API.

#include "engine-options.h"
#include "event.h"
#include "request.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace bllossom {

class runner;

class engine {
  public:
    /** wake: called from the engine thread when events wait and nobody was told yet; it must not block. */
    explicit engine(std::function<void()> wake);

    /** Closes. */
    ~engine();

    engine(const engine &)             = delete;
    engine & operator=(const engine &) = delete;

    /** Loads a model in place of the present one. Settled by loaded. */
    void load(uint32_t id, engine_options options);

    /** Frees the model; its requests end with error{closed}. Settled by ok. */
    void unload(uint32_t id);

    /** Settled by done. */
    void generate(uint32_t id, generate_request request);

    /** Settled by evaluated. */
    void evaluate(uint32_t id, evaluate_request request);

    /**
     * Encodes an image, unless it is in its slot already, and keeps it there until release_image or the end of the
     * model: requests with an image of the same key find it, and none drives it out. Settled by encoded.
     */
    void encode_image(uint32_t id, image_input image);

    /** Lets go of the image that encode_image kept under the id `kept`; harmless when there is none. Settled by ok. */
    void release_image(uint32_t id, uint32_t kept);

    /** Begins an importance matrix, with the sums of an older file unless `from` is empty. Settled by ok. */
    void begin_importance(uint32_t id, std::string from);

    /** Adds the inputs that a prompt brings to the weights: all of them or, when it fails, none. Settled by ok. */
    void collect(uint32_t id, evaluate_request request);

    /** Writes what was collected so far; the collection stays open. Settled by ok. */
    void write_importance(uint32_t id, importance_target target);

    /** Forgets what was collected; harmless when nothing was begun. Settled by ok. */
    void end_importance(uint32_t id);

    /** Forgets the images that nobody keeps, and the beginnings of prompts, that no request uses. Settled by ok. */
    void clear_caches(uint32_t id);

    /** Writes the images and the beginnings of prompts that are kept to a file. Requests wait meanwhile. Settled by
     * session. */
    void save_session(uint32_t id, std::string path);

    /** Takes them from a file, as far as there is room. Requests wait meanwhile. Settled by session. */
    void load_session(uint32_t id, std::string path);

    /** Cancels a load, a generation, an evaluation, an encode, a collect or a session; unknown ids are ignored. */
    void cancel(uint32_t id);

    /** Allows a generation to send more pieces; unknown ids are ignored. */
    void grant(uint32_t id, int64_t pieces);

    /** Cancels everything, frees the model and ends the thread; every open id is settled. Returns at once. */
    void request_close();

    /** request_close, and waits for the thread: at most for the graph node that is being computed. */
    void close();

    /**
     * Whether the thread has nothing more to say: all its events wait in the outbox or were drained. `wake` is called
     * once more after it became true.
     */
    bool ended() const { return ended_; }

    /** The events since the last call, in order. */
    std::vector<event> drain();

    /** The vocabulary of the loaded model. Throws error{not_loaded}. */
    std::shared_ptr<const vocab> get_vocab() const;

    /** Throws error{not_loaded}. */
    memory_use memory() const;

  private:
    struct loaded_model;
    using task = std::function<void()>;

    void post(uint32_t id, task && work);
    void post_unnumbered(task && work);
    void run();
    void run_task(uint32_t id, const task & work);
    bool step();
    void emit(event && e);
    void settle_ok(uint32_t id);
    void settle_session(uint32_t id, const session_counts & counts);
    void settle_error(uint32_t id, const error & cause);
    void do_load(uint32_t id, const engine_options & options, const cancel_flag & cancelled);
    void do_unload(const char * reason);
    runner & loaded_runner();
    cancel_flag flag_of(uint32_t id);

    std::function<void()> wake_;

    mutable std::mutex mutex_; // guards everything up to the next comment
    std::condition_variable work_to_do_;
    std::deque<std::pair<uint32_t, task>> tasks_;
    std::unordered_map<uint32_t, cancel_flag> flags_; // of the open ids
    std::vector<event> outbox_;
    std::shared_ptr<const vocab> shared_vocab_;
    memory_use shared_memory_;
    std::atomic<bool> closing_{false};
    std::atomic<bool> ended_{false};

    std::unique_ptr<loaded_model> loaded_; // engine thread only
    std::thread thread_;
};

} // namespace bllossom
