// A failed GGML_ASSERT throws under a guard, and still ends the process without one.

#include "assert-guard.h"
#include "check.h"
#include "error.h"

#include <csignal>
#include <string>
#include <thread>

#include <ggml-cpp.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace bllossom;

namespace {

/** Breaks an assertion inside one of ggml's C functions. */
void reshape_to_another_size() {
    ggml_context_ptr ctx(ggml_init({4 * ggml_tensor_overhead(), nullptr, true}));
    ggml_reshape_1d(ctx.get(), ggml_new_tensor_1d(ctx.get(), GGML_TYPE_F32, 7), 8);
}

bool throws_model_format() {
    try {
        reshape_to_another_size();
    } catch (const error & e) {
        return e.code() == error_code::model_format && std::string(e.what()).find("ggml.c") != std::string::npos;
    }
    return false;
}

/** The signal that ends a child process which runs `body`; 0 when none does. */
template <typename Body> int signal_of(Body body) {
    const pid_t child = fork();
    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        body();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void throws_under_a_guard() {
    const assert_guard guard;
    CHECK(throws_model_format());
    CHECK(throws_model_format()); // again: nothing was left in a bad state
}

void nested_guards_end_one_by_one() {
    const assert_guard outer;
    { const assert_guard inner; }
    CHECK(throws_model_format());
}

void aborts_without_a_guard() {
    { const assert_guard over; }
    CHECK(signal_of(reshape_to_another_size) == SIGABRT);
}

void a_guard_does_not_cover_other_threads() {
    CHECK(signal_of([] {
              const assert_guard guard;
              std::thread(reshape_to_another_size).join();
          }) == SIGABRT);
}

} // namespace

int main() {
    throws_under_a_guard();
    nested_guards_end_one_by_one();
    aborts_without_a_guard();
    a_guard_does_not_cover_other_threads();
    return check::summary();
}
