#include "support/client.h"

#include "support/patience.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace tiny {

client::client(std::function<void(engine &)> on_wake) {
    engine_ = std::make_unique<engine>([this, on_wake] {
        if (on_wake && engine_) {
            on_wake(*engine_);
        }
        const std::lock_guard<std::mutex> lock(mutex_);
        has_news_ = true;
        woken_.notify_all();
    });
}

client::~client() {
    engine_->close(); // the last wake needs engine_
}

uint32_t client::load(const engine_options & options) {
    engine_->load(++last_id_, options);
    return last_id_;
}

uint32_t client::unload() {
    engine_->unload(++last_id_);
    return last_id_;
}

uint32_t client::generate(const generate_request & request) {
    engine_->generate(++last_id_, request);
    return last_id_;
}

uint32_t client::evaluate(const evaluate_request & request) {
    engine_->evaluate(++last_id_, request);
    return last_id_;
}

uint32_t client::encode_image(const image_input & image) {
    engine_->encode_image(++last_id_, image);
    return last_id_;
}

uint32_t client::release_image(uint32_t kept) {
    engine_->release_image(++last_id_, kept);
    return last_id_;
}

uint32_t client::begin_importance(const std::string & from) {
    engine_->begin_importance(++last_id_, from);
    return last_id_;
}

uint32_t client::collect(const evaluate_request & request) {
    engine_->collect(++last_id_, request);
    return last_id_;
}

uint32_t client::write_importance(const importance_target & target) {
    engine_->write_importance(++last_id_, target);
    return last_id_;
}

uint32_t client::end_importance() {
    engine_->end_importance(++last_id_);
    return last_id_;
}

uint32_t client::clear_caches() {
    engine_->clear_caches(++last_id_);
    return last_id_;
}

uint32_t client::save_session(const std::string & path) {
    engine_->save_session(++last_id_, path);
    return last_id_;
}

uint32_t client::load_session(const std::string & path) {
    engine_->load_session(++last_id_, path);
    return last_id_;
}

void client::collect() {
    for (event & e : engine_->drain()) {
        events_[e.id].push_back(std::move(e));
    }
}

void client::wait(const std::function<bool()> & is_true) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(patient(60));
    while (true) {
        collect();
        if (is_true()) {
            return;
        }
        std::unique_lock<std::mutex> lock(mutex_);
        if (!woken_.wait_until(lock, deadline, [this] { return has_news_; })) {
            std::fprintf(stderr, "nothing came from the engine for too long\n");
            std::abort();
        }
        has_news_ = false;
    }
}

event client::settled(uint32_t id) {
    wait([&] { return !events_[id].empty() && events_[id].back().is_final(); });
    return events_[id].back();
}

void client::pieces(uint32_t id, size_t n) {
    wait([&] { return events_[id].size() >= n || (!events_[id].empty() && events_[id].back().is_final()); });
}

std::string client::code(uint32_t id) {
    const event e = settled(id);
    return e.type == event::kind::error ? error_code_name(e.code) : "";
}

std::vector<event> client::said(uint32_t id) {
    collect();
    return events_[id];
}

std::string client::text(uint32_t id) {
    std::string text;
    for (const event & e : said(id)) {
        text += e.type == event::kind::piece ? e.text : "";
    }
    return text;
}

bool client::every_id_settled_once() {
    collect();
    for (const auto & [id, events] : events_) {
        for (size_t i = 0; i < events.size(); i++) {
            if (id == 0 || id > last_id_ || events[i].is_final() != (i + 1 == events.size())) {
                return false;
            }
        }
    }
    return events_.size() == last_id_;
}

} // namespace tiny
