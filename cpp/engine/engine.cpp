#include "engine.h"

#include "backend.h"
#include "error.h"
#include "memory-plan.h"
#include "runner.h"

#include <algorithm>
#include <functional>
#include <future>
#include <new>

#ifdef __GLIBCXX__
// The wait of a condition variable got a new version in GCC 12. The old one is in every libstdc++, RHEL 9's included.
__asm__(".symver _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE,"
        "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");
#endif

namespace bllossom {

static constexpr int32_t default_n_seq_max = 4;
static constexpr uint32_t no_id            = 0; // of tasks that nobody waits for

/** Members are freed from the last to the first: the context before the model, the model before its backends. */
struct engine::loaded_model {
    std::unique_ptr<backend_set> backends;
    std::shared_ptr<const model> weights;
    std::shared_ptr<const vocab> words;
    std::unique_ptr<class runner> requests;
};

engine::engine(std::function<void()> wake) : wake_(std::move(wake)), thread_([this] { run(); }) {}

engine::~engine() {
    close();
}

// --- any thread ----------------------------------------------------------------------------------------------------

void engine::post(uint32_t id, task && work) {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!closing_) {
            flags_.emplace(id, std::make_shared<std::atomic<bool>>(false));
            tasks_.emplace_back(id, std::move(work));
            work_to_do_.notify_one();
            return;
        }
    }
    settle_error(id, error(error_code::closed, "the engine is closed"));
}

void engine::post_unnumbered(task && work) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!closing_) {
        tasks_.emplace_back(no_id, std::move(work));
        work_to_do_.notify_one();
    }
}

void engine::load(uint32_t id, engine_options options) {
    post(id, [this, id, options = std::move(options)] { do_load(id, options, flag_of(id)); });
}

void engine::unload(uint32_t id) {
    post(id, [this, id] {
        do_unload("the model was unloaded");
        settle_ok(id);
    });
}

void engine::generate(uint32_t id, generate_request request) {
    // A task must be copyable; the request, with its images, is moved in and out by the pointer.
    auto shared = std::make_shared<generate_request>(std::move(request));
    post(id, [this, id, shared] { loaded_runner().submit(id, std::move(*shared), flag_of(id)); });
}

void engine::evaluate(uint32_t id, evaluate_request request) {
    post(id, [this, id, request = std::move(request)] {
        event e{};
        e.type   = event::kind::evaluated;
        e.id     = id;
        e.result = std::make_shared<evaluation>(loaded_runner().evaluate(request, flag_of(id)));
        emit(std::move(e));
    });
}

void engine::encode_image(uint32_t id, image_input image) {
    auto shared = std::make_shared<image_input>(std::move(image));
    post(id, [this, id, shared] { loaded_runner().encode_image(id, std::move(*shared), flag_of(id)); });
}

void engine::release_image(uint32_t id, uint32_t kept) {
    post(id, [this, id, kept] {
        if (loaded_) {
            loaded_->requests->release_image(kept);
        }
        settle_ok(id);
    });
}

void engine::begin_importance(uint32_t id, std::string from) {
    post(id, [this, id, from = std::move(from)] {
        loaded_runner().get_evaluator().begin_importance(from);
        settle_ok(id);
    });
}

void engine::collect(uint32_t id, evaluate_request request) {
    post(id, [this, id, request = std::move(request)] {
        loaded_runner().collect(request, flag_of(id));
        settle_ok(id);
    });
}

void engine::write_importance(uint32_t id, importance_target target) {
    post(id, [this, id, target = std::move(target)] {
        loaded_runner().get_evaluator().write_importance(target);
        settle_ok(id);
    });
}

void engine::end_importance(uint32_t id) {
    post(id, [this, id] {
        loaded_runner().get_evaluator().end_importance();
        settle_ok(id);
    });
}

void engine::clear_caches(uint32_t id) {
    post(id, [this, id] {
        loaded_runner().clear_caches();
        settle_ok(id);
    });
}

void engine::save_session(uint32_t id, std::string path) {
    post(id,
         [this, id, path = std::move(path)] { settle_session(id, loaded_runner().save_session(path, flag_of(id))); });
}

void engine::load_session(uint32_t id, std::string path) {
    post(id,
         [this, id, path = std::move(path)] { settle_session(id, loaded_runner().load_session(path, flag_of(id))); });
}

void engine::cancel(uint32_t id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = flags_.find(id);
    if (found != flags_.end()) {
        found->second->store(true);
        work_to_do_.notify_one(); // a parked request is not being worked on
        tasks_.emplace_back(no_id, [] {});
    }
}

void engine::grant(uint32_t id, int64_t pieces) {
    post_unnumbered([this, id, pieces] {
        if (loaded_) {
            loaded_->requests->grant(id, pieces);
        }
    });
}

void engine::request_close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    work_to_do_.notify_one();
}

void engine::close() {
    request_close();
    if (thread_.joinable()) {
        thread_.join();
    }
}

std::vector<event> engine::drain() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(outbox_, {});
}

std::shared_ptr<const vocab> engine::get_vocab() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!shared_vocab_) {
        throw error(error_code::not_loaded, "no model is loaded");
    }
    return shared_vocab_;
}

memory_use engine::memory() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!shared_vocab_) {
        throw error(error_code::not_loaded, "no model is loaded");
    }
    return shared_memory_;
}

cancel_flag engine::flag_of(uint32_t id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return flags_.at(id);
}

void engine::emit(event && e) {
    bool was_empty;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        was_empty = outbox_.empty();
        if (e.is_final()) {
            flags_.erase(e.id);
        }
        outbox_.push_back(std::move(e));
    }
    if (was_empty) {
        wake_();
    }
}

void engine::settle_ok(uint32_t id) {
    event e{};
    e.id = id;
    emit(std::move(e));
}

void engine::settle_session(uint32_t id, const session_counts & counts) {
    event e{};
    e.type    = event::kind::session;
    e.id      = id;
    e.session = counts;
    emit(std::move(e));
}

void engine::settle_error(uint32_t id, const error & cause) {
    if (id == no_id) {
        return;
    }
    event e{};
    e.type     = event::kind::error;
    e.id       = id;
    e.code     = cause.code();
    e.text     = cause.what();
    e.shortage = cause.shortage();
    emit(std::move(e));
}

// --- the engine thread ---------------------------------------------------------------------------------------------

/** Any exception as one of ours; to be called from a catch block. */
static error current_error() {
    try {
        throw;
    } catch (const error & e) {
        return e;
    } catch (const std::bad_alloc &) {
        return error(error_code::out_of_memory, "the system has no memory left for this request");
    } catch (const std::exception & e) {
        return error(error_code::internal, format("unexpected: %s", e.what()));
    }
}

/** Runs a task; whatever it throws settles its id, so that nothing ever leaves the thread. */
void engine::run_task(uint32_t id, const task & work) {
    try {
        work();
    } catch (...) {
        const error cause   = current_error();
        const bool by_close = closing_ && cause.code() == error_code::cancelled;
        settle_error(id, by_close ? error(error_code::closed, "the engine was closed") : cause);
    }
}

/** One step of the requests; what it throws is nobody's in particular and so everybody's. */
bool engine::step() {
    try {
        return loaded_->requests->step();
    } catch (...) {
        loaded_->requests->fail_all(current_error());
        return true;
    }
}

void engine::run() {
    bool idle = true;
    while (true) {
        std::pair<uint32_t, task> next{no_id, nullptr};
        {
            std::unique_lock<std::mutex> lock(mutex_);
            work_to_do_.wait(lock, [&] { return closing_ || !tasks_.empty() || !idle; });
            if (closing_) {
                break;
            }
            if (!tasks_.empty()) {
                next = std::move(tasks_.front());
                tasks_.pop_front();
            }
        }
        if (next.second) {
            run_task(next.first, next.second);
            idle = false;
        } else if (loaded_) {
            idle = !step();
        } else {
            idle = true;
        }
    }
    do_unload("the engine was closed");
    // Whatever is still open was never started.
    std::vector<uint32_t> open;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (const auto & entry : flags_) {
            open.push_back(entry.first);
        }
        tasks_.clear();
    }
    for (const uint32_t id : open) {
        settle_error(id, error(error_code::closed, "the engine was closed"));
    }
    ended_ = true;
    wake_();
}

runner & engine::loaded_runner() {
    if (!loaded_) {
        throw error(error_code::not_loaded, "no model is loaded");
    }
    return *loaded_->requests;
}

static std::shared_ptr<const vocab> read_vocab(const model_source & source) {
    const hparams hp = read_hparams(source);
    return std::make_shared<vocab>(source.metadata(), hp.text.n_vocab, hp.image_token_id);
}

static model_info describe(const model & m, const vocab & v, const backend_set & backends, context & c) {
    model_info info;
    info.name         = m.hp.name;
    info.device       = backends.device_name();
    info.quantization = m.ftype;
    info.n_params     = m.n_params;
    info.n_threads    = backends.n_threads();
    info.n_ctx        = c.options().n_ctx;
    info.n_images     = c.options().n_images;
    info.hp           = m.hp;
    info.image_token  = v.text(v.image_token_id());
    info.bos_token    = v.bos() >= 0 ? v.text(v.bos()) : "";
    info.eos_token    = v.eos() >= 0 ? v.text(v.eos()) : "";
    info.add_bos      = v.add_bos();

    info.special_tokens = v.special_texts();
    info.stop_tokens    = v.stop_tokens();
    info.chat_template  = v.chat_template();
    info.memory         = c.memory();

    info.device_description = backends.description();
    return info;
}

void engine::do_load(uint32_t id, const engine_options & options, const cancel_flag & cancelled) {
    const auto stop          = [&] { return cancelled->load() || closing_; };
    const auto throw_if_stop = [&] {
        if (stop()) {
            throw error(error_code::cancelled, "loading was cancelled");
        }
    };
    throw_if_stop(); // while it waited for its turn: the present model stays
    do_unload("another model was loaded");

    const auto progress = [&](float value) {
        event e{};
        e.type  = event::kind::progress;
        e.id    = id;
        e.value = value;
        emit(std::move(e));
        return !stop();
    };
    auto next              = std::make_unique<loaded_model>();
    next->backends         = std::make_unique<backend_set>(options.device, options.n_threads);
    const memory_plan plan = plan_memory(*next->backends, options);
    for (int32_t gpu = 0; gpu < next->backends->n_gpus(); gpu++) {
        if (!plan.place.uses_gpu(gpu)) {
            next->backends->close_gpu(gpu);
        }
    }
    next->backends->set_n_threads(plan.n_threads);
    const model_source source(options);
    auto words     = std::async(std::launch::async, read_vocab, std::cref(source)); // while weights are read
    next->weights  = load_model(*next->backends, to_load_options(options, plan.place, progress));
    next->words    = words.get();
    next->requests = std::make_unique<runner>(
        next->weights, next->words, *next->backends, plan.place, options.context,
        options.n_seq_max > 0 ? options.n_seq_max : default_n_seq_max, [this](event && e) { emit(std::move(e)); },
        [this] { return closing_.load(); });
    auto info = std::make_shared<model_info>(
        describe(*next->weights, *next->words, *next->backends, next->requests->get_context()));
    throw_if_stop();
    loaded_ = std::move(next);
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        shared_vocab_  = loaded_->words;
        shared_memory_ = info->memory;
    }
    event e{};
    e.type = event::kind::loaded;
    e.id   = id;
    e.info = std::move(info);
    emit(std::move(e));
}

void engine::do_unload(const char * reason) {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        shared_vocab_.reset();
    }
    if (loaded_) {
        loaded_->requests->fail_all(error(error_code::closed, reason));
        loaded_.reset();
    }
}

} // namespace bllossom
