#include "weight-reader.h"

#include "assert-guard.h"
#include "backend.h"
#include "error.h"
#include "host.h"
#include "source-tensor.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <memory>
#include <mutex>
#include <numeric>
#include <thread>
#include <tuple>

namespace bllossom {

namespace {

constexpr size_t chunk_bytes  = 1 << 20;  // read and checked at once: it lies in the cache of a core by then
constexpr size_t piece_bytes  = 16 << 20; // of a tensor that is read in place, for one reader
constexpr size_t report_bytes = 16 << 20; // between two reports
constexpr int32_t max_readers = 8;        // more only wait for memory

/** Rows of a tensor, for one reader. */
struct piece {
    const planned_tensor * planned;
    int64_t first;
    int64_t n_rows;
};

bool is_staged(const planned_tensor & planned) {
    return planned.use != tensor_use::gate && !ggml_backend_buft_is_host(planned.buffer_type);
}

int64_t rows_of(const source_tensor & source, size_t bytes) {
    return std::max<int64_t>(1, int64_t(bytes / source.row_bytes()));
}

std::vector<piece> cut(const std::vector<planned_tensor> & plan) {
    std::vector<piece> pieces;
    for (const planned_tensor & planned : plan) {
        const int64_t n_rows = planned.source->n_rows();
        const int64_t step   = is_staged(planned) ? n_rows : rows_of(*planned.source, piece_bytes);
        for (int64_t first = 0; first < n_rows; first += step) {
            pieces.push_back({&planned, first, std::min(step, n_rows - first)});
        }
    }
    std::sort(pieces.begin(), pieces.end(), [](const piece & a, const piece & b) {
        const source_tensor &of_a = *a.planned->source, &of_b = *b.planned->source;
        return std::tie(of_a.file->path(), of_a.offset, a.first) < std::tie(of_b.file->path(), of_b.offset, b.first);
    });
    return pieces;
}

/** Room for a tensor on its way, as large as the largest so far. */
class staging_room {
  public:
    char * of(size_t n_bytes) {
        if (n_bytes > n_bytes_) {
            data_.reset(); // before there is more
            data_.reset(new char[n_bytes]);
            prefer_large_pages(data_.get(), n_bytes);
            n_bytes_ = n_bytes;
        }
        return data_.get();
    }

  private:
    std::unique_ptr<char[]> data_;
    size_t n_bytes_ = 0;
};

class weight_reader {
  public:
    weight_reader(const std::vector<planned_tensor> & plan, const reading_options & options)
        : options_(options), pieces_(cut(plan)) {
        for (const planned_tensor & planned : plan) {
            n_bytes_ += planned.source->bytes;
        }
    }

    void read() {
        const int32_t n_readers = std::clamp(options_.n_threads, 1, max_readers);
        report();
        std::vector<std::future<void>> others; // when this thread throws they see is_stopped_, and are waited for
        try {
            while (int32_t(others.size()) + 1 < n_readers) {
                others.push_back(std::async(std::launch::async, [this] { read_pieces(); }));
            }
        } catch (...) {
            is_stopped_ = true;
            throw;
        }
        read_pieces();
        for (auto & other : others) {
            other.get();
        }
        report();
    }

  private:
    void read_pieces() {
        const assert_guard guard;
        staging_room staging;
        try {
            for (size_t i = next_++; i < pieces_.size() && !is_stopped_; i = next_++) {
                read_piece(pieces_[i], staging);
            }
        } catch (...) {
            is_stopped_ = true;
            throw;
        }
    }

    void read_piece(const piece & p, staging_room & staging) {
        const planned_tensor & planned = *p.planned;
        const source_tensor & source   = *planned.source;
        if (planned.use == tensor_use::gate) {
            const bool activated = planned.part == model_part::vision && options_.gates_activated;
            float value          = 0.0f;
            read_checked(p, reinterpret_cast<char *>(&value));
            *planned.gate = activated ? value : std::tanh(value);
            return;
        }
        ggml_tensor * tensor = *planned.slot;
        if (!is_staged(planned)) {
            read_checked(p, static_cast<char *>(tensor->data) + size_t(p.first) * source.row_bytes());
            return;
        }
        char * data = staging.of(size_t(source.bytes));
        read_checked(p, data);
        if (is_stopped_) {
            return;
        }
        if (is_host_memory(planned.buffer_type)) {
            ggml_backend_tensor_set(tensor, data, 0, size_t(source.bytes));
        } else { // not every backend takes tensors from several threads at once
            const std::lock_guard<std::mutex> lock(device_);
            ggml_backend_tensor_set(tensor, data, 0, size_t(source.bytes));
        }
    }

    void read_checked(const piece & p, char * to) {
        const source_tensor & source = *p.planned->source;
        const int64_t step           = rows_of(source, chunk_bytes);
        for (int64_t row = 0; row < p.n_rows && !is_stopped_; row += step) {
            const int64_t n_rows = std::min(step, p.n_rows - row);
            const size_t size    = size_t(n_rows) * source.row_bytes();
            char * data          = to + size_t(row) * source.row_bytes();
            read_rows(source, p.first + row, n_rows, data);
            if (options_.check_values && !ggml_validate_row_data(source.type, data, size)) {
                source.file->fail(format(
                    "tensor \"%s\" holds NaN or infinity; the file is damaged (checkTensors: false skips this check)",
                    source.name.c_str()));
            }
            n_done_ += size;
            report_now_and_then();
        }
    }

    void report_now_and_then() {
        if (std::this_thread::get_id() == caller_ &&
            n_done_ - n_told_ >= std::min<uint64_t>(report_bytes, n_bytes_ / 8)) {
            report();
        }
    }

    void report() {
        n_told_ = n_done_;
        if (options_.progress && !options_.progress(float(double(n_told_) / double(n_bytes_)))) {
            is_stopped_ = true;
            throw error(error_code::cancelled, "loading was cancelled");
        }
    }

    const reading_options & options_;
    const std::vector<piece> pieces_;
    const std::thread::id caller_ = std::this_thread::get_id();
    uint64_t n_bytes_             = 0;
    uint64_t n_told_              = 0; // of the calling thread alone
    std::atomic<uint64_t> n_done_{0};
    std::atomic<size_t> next_{0};
    std::atomic<bool> is_stopped_{false};
    std::mutex device_;
};

} // namespace

uint64_t staging_bytes(const std::vector<planned_tensor> & plan, int32_t n_threads) {
    std::vector<uint64_t> sizes;
    for (const planned_tensor & planned : plan) {
        if (is_staged(planned)) {
            sizes.push_back(planned.source->bytes);
        }
    }
    std::sort(sizes.rbegin(), sizes.rend());
    sizes.resize(std::min(sizes.size(), size_t(std::clamp(n_threads, 1, max_readers))));
    return std::accumulate(sizes.begin(), sizes.end(), uint64_t(0));
}

void read_weights(const std::vector<planned_tensor> & plan, const reading_options & options) {
    weight_reader(plan, options).read();
}

} // namespace bllossom
