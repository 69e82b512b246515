#pragma once
// A piece of work on libuv's pool whose end settles a promise.

#include "throw.h"

#include <exception>
#include <functional>
#include <memory>

#include <napi.h>

namespace bllossom {

/**
 * `work` runs on the pool and may throw; `convert` makes the result on the JS thread. Neither may touch a JS value of
 * the call: copy into `work`'s captures before.
 */
class promise_worker : public Napi::AsyncWorker {
  public:
    using work_function    = std::function<void()>;
    using convert_function = std::function<Napi::Value(Napi::Env)>;

    /** Queues the work; the worker deletes itself. `settled` runs on the JS thread before the promise settles. */
    static Napi::Promise start(
        Napi::Env env, work_function work, convert_function convert = [](Napi::Env e) { return e.Undefined(); },
        std::function<void()> settled = [] {}) {
        auto * worker = new promise_worker(env, std::move(work), std::move(convert), std::move(settled));
        auto result   = worker->deferred_.Promise();
        worker->Queue();
        return result;
    }

  protected:
    void Execute() override {
        try {
            work_();
        } catch (...) {
            failure_ = std::current_exception(); // typed: AsyncWorker itself keeps only a message
        }
    }

    void OnOK() override {
        settled_();
        if (!failure_) {
            deferred_.Resolve(convert_(Env()));
            return;
        }
        try {
            std::rethrow_exception(failure_);
        } catch (const std::exception & e) {
            deferred_.Reject(to_js_error(Env(), e).Value());
        }
    }

  private:
    promise_worker(Napi::Env env, work_function work, convert_function convert, std::function<void()> settled)
        : Napi::AsyncWorker(env), work_(std::move(work)), convert_(std::move(convert)), settled_(std::move(settled)),
          deferred_(Napi::Promise::Deferred::New(env)) {}

    work_function work_;
    convert_function convert_;
    std::function<void()> settled_;
    std::exception_ptr failure_;
    Napi::Promise::Deferred deferred_;
};

} // namespace bllossom
