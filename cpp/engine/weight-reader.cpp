#include "weight-reader.h"

#include "assert-guard.h"
#include "backend.h"
#include "error.h"
#include "host.h"
#include "q4-k-panels.h"
#include "source-tensor.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
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

/** How rows get from a file to where they belong. */
enum class passage {
    in_place, // memory of the host that keeps them as they are
    slices,   // memory of the host where a few rows after the other are rearranged, out of the cache of a core
    whole,    // to a device, or where all rows are rearranged together
};

passage passage_of(const planned_tensor & planned) {
    if (planned.use == tensor_use::gate || ggml_backend_buft_is_host(planned.buffer_type)) {
        return passage::in_place;
    }
    const bool is_repacked = std::strcmp(ggml_backend_buft_name(planned.buffer_type), "CPU_REPACK") == 0;
    return is_repacked ? passage::slices : passage::whole;
}

/** Rows of about so many bytes; where ggml rearranges up to sixteen together, a multiple of them. */
int64_t rows_of(const planned_tensor & planned, size_t bytes) {
    const int64_t unit = passage_of(planned) == passage::slices ? 16 : 1;
    return std::max(int64_t(bytes / planned.source->row_bytes()) / unit, int64_t(1)) * unit;
}

/** Bytes between a file and their place. */
uint64_t staged_bytes(const planned_tensor & planned) {
    switch (passage_of(planned)) {
    case passage::in_place:
        return 0;
    case passage::slices:
        return std::min<uint64_t>(uint64_t(rows_of(planned, chunk_bytes)) * planned.source->row_bytes(),
                                  planned.source->bytes);
    case passage::whole:
        break;
    }
    return planned.source->bytes;
}

std::vector<piece> cut(const std::vector<planned_tensor> & plan) {
    std::vector<piece> pieces;
    for (const planned_tensor & planned : plan) {
        const int64_t n_rows = planned.source->n_rows();
        const int64_t step   = passage_of(planned) == passage::whole ? n_rows : rows_of(planned, piece_bytes);
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
        switch (passage_of(planned)) {
        case passage::in_place:
            return read_checked(p, static_cast<char *>(tensor->data) + size_t(p.first) * source.row_bytes());
        case passage::slices:
            return in_chunks(p, [&](const piece & chunk) {
                char * data = staging.of(staged_bytes(planned));
                read_chunk(chunk, data);
                arrange(chunk, data);
            });
        case passage::whole:
            char * data = staging.of(size_t(source.bytes));
            read_checked(p, data);
            if (!is_stopped_) {
                hand_over(planned, data);
            }
        }
    }

    /** Rows of a matrix that its buffer rearranges. */
    void arrange(const piece & rows, const char * data) {
        ggml_tensor slice = **rows.planned->slot;
        slice.data        = static_cast<char *>(slice.data) + size_t(rows.first) * slice.nb[1];
        if (options_.has_q4_k_panels && slice.type == GGML_TYPE_Q4_K) {
            return arrange_q4_k_panels(data, slice.ne[0], rows.n_rows, slice.data);
        }
        slice.ne[1] = rows.n_rows;
        slice.nb[2] = slice.nb[3] = size_t(rows.n_rows) * slice.nb[1];
        ggml_backend_tensor_set(&slice, data, 0, ggml_nbytes(&slice));
    }

    void hand_over(const planned_tensor & planned, const char * data) {
        std::unique_lock<std::mutex> lock(device_, std::defer_lock);
        if (!is_host_memory(planned.buffer_type)) {
            lock.lock(); // not every backend takes tensors from several threads at once
        }
        ggml_backend_tensor_set(*planned.slot, data, 0, size_t(planned.source->bytes));
    }

    template <class read_rows_of> void in_chunks(const piece & p, const read_rows_of & read) {
        const int64_t step = rows_of(*p.planned, chunk_bytes);
        for (int64_t row = 0; row < p.n_rows && !is_stopped_; row += step) {
            read(piece{p.planned, p.first + row, std::min(step, p.n_rows - row)});
        }
    }

    void read_checked(const piece & p, char * to) {
        in_chunks(p, [&](const piece & chunk) {
            read_chunk(chunk, to + size_t(chunk.first - p.first) * p.planned->source->row_bytes());
        });
    }

    void read_chunk(const piece & chunk, char * data) {
        const source_tensor & source = *chunk.planned->source;
        const size_t size            = size_t(chunk.n_rows) * source.row_bytes();
        read_rows(source, chunk.first, chunk.n_rows, data);
        if (options_.check_values && !ggml_validate_row_data(source.type, data, size)) {
            source.file->fail(format(
                "tensor \"%s\" holds NaN or infinity; the file is damaged (checkTensors: false skips this check)",
                source.name.c_str()));
        }
        n_done_ += size;
        report_now_and_then();
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
        sizes.push_back(staged_bytes(planned));
    }
    std::sort(sizes.rbegin(), sizes.rend());
    sizes.resize(std::min(sizes.size(), size_t(std::clamp(n_threads, 1, max_readers))));
    return std::accumulate(sizes.begin(), sizes.end(), uint64_t(0));
}

void read_weights(const std::vector<planned_tensor> & plan, const reading_options & options) {
    weight_reader(plan, options).read();
}

} // namespace bllossom
