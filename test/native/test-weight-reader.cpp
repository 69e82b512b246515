// Weights are read by several threads at once: whole, each piece at its place, whichever thread takes it; and what is
// wrong with one stops all.

#include "backend.h"
#include "check.h"
#include "error.h"
#include "source-tensor.h"
#include "support/temp-dir.h"
#include "weight-reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <thread>
#include <utility>

#include <unistd.h>

#include <ggml-cpp.h>
#include <gguf.h>

using namespace bllossom;

namespace {

const temp_dir dir;

constexpr int64_t n_columns = 1000;
constexpr int64_t n_rows    = 12000; // 46 MiB: three pieces
constexpr int n_small       = 20;    // tensors beside the large one

/** No two numbers of a file are alike. */
float value_of(int tensor, int64_t i) {
    return float(tensor) * 0x1p-5f + float(i);
}

struct written_file {
    std::string path;
    std::unique_ptr<gguf_file> file;

    explicit written_file(const std::string & name) : path(dir.file(name)) {
        const ggml_context_ptr ctx(ggml_init({size_t(n_columns * (n_rows + n_small) * 4) + (1 << 20), nullptr, false}));
        const gguf_context_ptr gguf(gguf_init_empty());
        for (int i = 0; i <= n_small; i++) {
            ggml_tensor * tensor = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, n_columns, i == 0 ? n_rows : 1);
            ggml_set_name(tensor, ("tensor." + std::to_string(i)).c_str());
            for (int64_t j = 0; j < ggml_nelements(tensor); j++) {
                static_cast<float *>(tensor->data)[j] = value_of(i, j);
            }
            gguf_add_tensor(gguf.get(), tensor);
        }
        CHECK(gguf_write_to_file(gguf.get(), path.c_str(), false));
        file = std::make_unique<gguf_file>(path);
    }

    const gguf_tensor & tensor(int i) const { return *file->find_tensor("tensor." + std::to_string(i)); }

    void damage(int i, int64_t element) const {
        const float nan = std::nanf("");
        std::fstream out(path, std::ios::in | std::ios::out | std::ios::binary);
        out.seekp(std::streamoff(tensor(i).offset + uint64_t(element) * sizeof(float)));
        out.write(reinterpret_cast<const char *>(&nan), sizeof(nan));
    }
};

/** Memory for all tensors of a file, and the plan to read them. */
struct target {
    std::vector<source_tensor> sources;
    std::vector<planned_tensor> plan;
    std::vector<ggml_tensor *> tensors;
    ggml_context_ptr ctx{ggml_init({(n_small + 1) * ggml_tensor_overhead(), nullptr, true})};
    ggml_backend_buffer_ptr buffer;

    explicit target(const written_file & written) : sources(n_small + 1), plan(n_small + 1), tensors(n_small + 1) {
        ggml_backend_buffer_type_t plain = ggml_backend_cpu_buffer_type();
        for (int i = 0; i <= n_small; i++) {
            const gguf_tensor & stored = written.tensor(i);
            sources[size_t(i)]         = as_stored(*written.file, stored, stored.name);
            tensors[size_t(i)]         = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, stored.ne[0], stored.ne[1]);
            planned_tensor & planned   = plan[size_t(n_small - i)]; // not in the order of the file
            planned.use                = tensor_use::table;
            planned.part               = model_part::input;
            planned.slot               = &tensors[size_t(i)];
            planned.source             = &sources[size_t(i)];
            planned.buffer_type        = plain;
        }
        buffer.reset(ggml_backend_alloc_ctx_tensors_from_buft(ctx.get(), plain));
    }

    bool is_whole() const {
        bool same = true;
        for (int i = 0; i <= n_small; i++) {
            const ggml_tensor * tensor = tensors[size_t(i)];
            for (int64_t j = 0; j < ggml_nelements(tensor); j++) {
                same = same && static_cast<const float *>(tensor->data)[j] == value_of(i, j);
            }
        }
        return same;
    }
};

std::string code_of(const target & to, const reading_options & options, std::string * message = nullptr) {
    try {
        read_weights(to.plan, options);
    } catch (const error & e) {
        if (message != nullptr) {
            *message = e.what();
        }
        return error_code_name(e.code());
    }
    return "";
}

reading_options options_for(int32_t n_threads) {
    reading_options options;
    options.n_threads = n_threads;
    return options;
}

void any_number_of_threads_reads_the_same(const written_file & written) {
    for (const int32_t n_threads : {1, 2, 3, 8, 500}) {
        const target to(written);
        read_weights(to.plan, options_for(n_threads));
        CHECK(to.is_whole());
    }
}

void progress_rises_to_the_whole_on_the_calling_thread(const written_file & written) {
    const target to(written);
    reading_options options = options_for(3);
    std::vector<float> told;
    bool is_caller   = true;
    options.progress = [&, caller = std::this_thread::get_id()](float part) {
        is_caller = is_caller && std::this_thread::get_id() == caller;
        told.push_back(part);
        return true;
    };
    read_weights(to.plan, options);
    CHECK(is_caller);
    CHECK(told.size() >= 2 && told.front() == 0.0f && told.back() == 1.0f);
    CHECK(std::is_sorted(told.begin(), told.end()));
}

void is_cancelled_at_any_report(const written_file & written) {
    for (size_t at = 0; at < 3; at++) {
        for (const int32_t n_threads : {1, 4}) {
            const target to(written);
            reading_options options = options_for(n_threads);
            size_t n_reports        = 0;
            options.progress        = [&](float part) { return n_reports++ < at && part < 1.0f; };
            CHECK(code_of(to, options) == "ERR_CANCELLED");
            CHECK(n_reports <= at + 1);
        }
    }
}

void a_number_that_is_none_is_found_wherever_it_is() {
    const written_file written("damaged.gguf");
    const auto name_of                     = [](int i) { return "\"tensor." + std::to_string(i) + "\""; };
    const std::pair<int, int64_t> places[] = {{n_small, n_columns - 1}, {0, n_columns * n_rows - 1}};
    for (const auto & [tensor, element] : places) {
        written.damage(tensor, element);
        for (const int32_t n_threads : {1, 2, 8}) {
            std::string message;
            const target to(written);
            CHECK(code_of(to, options_for(n_threads), &message) == "ERR_MODEL_FORMAT");
            // the first was damaged before the other: of two, either may be found
            CHECK(message.find(name_of(n_small)) != std::string::npos ||
                  (tensor == 0 && message.find(name_of(0)) != std::string::npos));
        }
    }
    reading_options unchecked = options_for(2);
    unchecked.check_values    = false;
    const target to(written);
    CHECK(code_of(to, unchecked).empty());
    CHECK(std::isnan(static_cast<const float *>(to.tensors[0]->data)[n_columns * n_rows - 1]));
}

void a_file_that_ends_early_is_told_by_every_number_of_threads() {
    const written_file written("short.gguf");
    CHECK(truncate(written.path.c_str(), off_t(written.tensor(0).offset + 1000)) == 0);
    for (const int32_t n_threads : {1, 2, 8}) {
        const target to(written);
        CHECK(code_of(to, options_for(n_threads)) == "ERR_IO");
    }
}

} // namespace

int main() {
    const written_file written("whole.gguf");
    any_number_of_threads_reads_the_same(written);
    progress_rises_to_the_whole_on_the_calling_thread(written);
    is_cancelled_at_any_report(written);
    a_number_that_is_none_is_found_wherever_it_is();
    a_file_that_ends_early_is_told_by_every_number_of_threads();
    return check::summary();
}
