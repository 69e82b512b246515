#include "session.h"

#include "error.h"

namespace bench {

using namespace bllossom;

engine_options read_options(const arguments & args, const std::string & model) {
    engine_options options;
    options.path          = model;
    options.device        = args.text("device", "auto");
    options.n_threads     = int32_t(args.integer("threads", 0, 0, 512));
    options.context.n_ctx = args.integer("context", 0, 0, INT64_MAX);
    options.check_tensors = false; // `load` alone measures what that costs

    const std::string kv = args.text("kv", "f16");
    for (const cache_type type : {cache_type::f32, cache_type::f16, cache_type::q8_0}) {
        if (kv == cache_type_name(type)) {
            options.context.kv_type = type;
            return options;
        }
    }
    throw error(error_code::invalid_option, "--kv is " + kv + "; it must be f32, f16 or q8_0");
}

session::session() {
    engine_ = std::make_unique<engine>([this] {
        const std::lock_guard<std::mutex> lock(mutex_);
        has_news_ = true;
        woken_.notify_all();
    });
}

session::~session() {
    engine_->close(); // its last wake needs what is declared before it
}

event session::wait(uint32_t id) {
    while (true) {
        for (event & e : engine_->drain()) {
            if (e.is_final()) {
                settled_.emplace(e.id, std::move(e));
            }
        }
        const auto found = settled_.find(id);
        if (found != settled_.end()) {
            event e = std::move(found->second);
            settled_.erase(found);
            if (e.type == event::kind::error) {
                throw error(e.code, e.text);
            }
            return e;
        }
        std::unique_lock<std::mutex> lock(mutex_);
        woken_.wait(lock, [this] { return has_news_; });
        has_news_ = false;
    }
}

std::shared_ptr<const model_info> session::load(const engine_options & options) {
    engine_->load(++last_id_, options);
    return wait(last_id_).info;
}

event session::run(generate_request request) {
    engine_->generate(++last_id_, std::move(request));
    return wait(last_id_);
}

std::shared_ptr<const evaluation> session::evaluate(evaluate_request request) {
    engine_->evaluate(++last_id_, std::move(request));
    return wait(last_id_).result;
}

std::vector<event> session::run_all(std::vector<generate_request> requests) {
    const uint32_t first = last_id_ + 1;
    for (generate_request & request : requests) {
        engine_->generate(++last_id_, std::move(request));
    }
    std::vector<event> events;
    for (uint32_t id = first; id <= last_id_; id++) {
        events.push_back(wait(id));
    }
    return events;
}

} // namespace bench
