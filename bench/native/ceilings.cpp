// What the machine can do at most, on so many threads: bytes read from memory, bytes of memory that are taken from the
// system, operations of a product of matrices.

#include "backend.h"
#include "byte-rows-node.h"
#include "commands.h"
#include "error.h"
#include "host.h"
#include "json-line.h"
#include "kernel-operands.h"
#include "linear-node.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <thread>

#include <ggml-alloc.h>
#include <ggml-cpu.h>

namespace bench {

using namespace bllossom;

namespace {

constexpr int64_t most = 1 << 20;

/** Per second, of so many repetitions. */
std::vector<double> rates(double amount, int64_t n_repeat, const std::function<void()> & work) {
    std::vector<double> values;
    for (int64_t i = 0; i < n_repeat; i++) {
        const auto start = std::chrono::steady_clock::now();
        work();
        values.push_back(amount / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return values;
}

/** The same after one that is not counted. */
std::vector<double> warm_rates(double amount, int64_t n_repeat, const std::function<void()> & work) {
    work();
    return rates(amount, n_repeat, work);
}

/** Shares of n things on threads of their own. work: first, and one behind the last */
void in_shares(size_t n, size_t n_threads, const std::function<void(size_t, size_t)> & work) {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < n_threads; i++) {
        threads.emplace_back(work, n * i / n_threads, n * (i + 1) / n_threads);
    }
    for (auto & thread : threads) {
        thread.join();
    }
}

/** Layouts of the CPU in which it may multiply faster, and the plain one last. */
std::vector<ggml_backend_buffer_type_t> weight_layouts(ggml_backend_dev_t cpu) {
    std::vector<ggml_backend_buffer_type_t> types;
    auto get = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
        ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu), "ggml_backend_dev_get_extra_bufts"));
    for (auto * type = get == nullptr ? nullptr : get(cpu); type != nullptr && *type != nullptr; type++) {
        types.push_back(*type);
    }
    types.push_back(ggml_backend_dev_buffer_type(cpu));
    return types;
}

ggml_type type_of(const std::string & name) {
    for (int i = 0; i < GGML_TYPE_COUNT; i++) {
        const char * known = ggml_type_name(ggml_type(i));
        if (known != nullptr && name == known) {
            return ggml_type(i);
        }
    }
    throw error(error_code::invalid_option,
                "--type is " + name + "; it must be a type of ggml such as q4_K, q8_0, f32");
}

std::vector<float> wave(int64_t n) {
    std::vector<float> values(static_cast<size_t>(n));
    for (size_t i = 0; i < values.size(); i++) {
        values[i] = float(i % 251) / 251.0f - 0.5f;
    }
    return values;
}

std::vector<uint8_t> stored(ggml_type type, int64_t n_rows, int64_t n_columns) {
    std::vector<uint8_t> bytes(size_t(n_rows) * ggml_row_size(type, n_columns));
    const auto values = wave(n_rows * n_columns);
    ggml_quantize_chunk(type, values.data(), bytes.data(), 0, n_rows, n_columns, nullptr);
    return bytes;
}

ggml_context_ptr make_context() {
    return ggml_context_ptr(ggml_init({8 * ggml_tensor_overhead() + ggml_graph_overhead(), nullptr, true}));
}

/** The product of a weight by the kernels that the engine would take. */
class engine_product {
  public:
    engine_product(const backend_set & backends, const ggml_tensor * weight) {
        const byte_kernels * bytes = find_byte_kernels(backends.cpu());
        if (bytes != nullptr && find_byte_product(*bytes, weight) != nullptr) {
            bytes_ = bytes;
            return;
        }
        const bool is_rounded          = weight->type == GGML_TYPE_BF16 || ggml_is_quantized(weight->type);
        const block_kernels * rounding = is_rounded ? find_rounding_kernels(backends.cpu()) : nullptr;
        const block_kernels * blocks   = rounding != nullptr ? rounding : find_block_kernels(backends.cpu());
        blocks_                        = blocks != nullptr && linear_node::takes(*blocks, weight) ? blocks : nullptr;
    }

    bool is_ours() const { return bytes_ != nullptr || blocks_ != nullptr; }

    /** plain: the same by ggml's kernels, which is taken where there are none of ours. */
    ggml_tensor * build(ggml_context * ctx0, ggml_tensor * w, ggml_tensor * cur, ggml_tensor * plain,
                        int32_t n_threads) {
        if (bytes_ != nullptr) {
            return byte_rows_.emplace(*bytes_, w).build(ctx0, w, cur, operands_.of(ctx0, *bytes_, cur));
        }
        if (blocks_ == nullptr) {
            return plain;
        }
        ggml_tensor * work = kernel_thread::new_works(ctx0, linear_node::n_work(*blocks_), n_threads);
        return linear_.emplace(*blocks_, false).build(ctx0, w, operands_.of(ctx0, *blocks_, cur), nullptr, work);
    }

  private:
    const byte_kernels * bytes_   = nullptr;
    const block_kernels * blocks_ = nullptr;
    kernel_operands operands_;
    std::optional<byte_rows_node> byte_rows_;
    std::optional<linear_node> linear_;
};

} // namespace

void run_read_ceiling(const arguments & args) {
    const auto n_threads = size_t(args.integer("threads", 1, 1, 512));
    const auto n_words   = size_t(args.integer("megabytes", 1024, 1, most)) * (1 << 20) / sizeof(uint64_t);
    const auto n_repeat  = args.integer("repeat", 5, 1, 1000);
    args.check_all_used();
    const std::vector<uint64_t> memory(n_words, 1);
    std::atomic<uint64_t> total{0}; // so that the sums are needed
    const auto values = warm_rates(double(n_words * sizeof(uint64_t)), n_repeat, [&] {
        in_shares(n_words, n_threads, [&](size_t first, size_t end) {
            total += std::accumulate(memory.begin() + ptrdiff_t(first), memory.begin() + ptrdiff_t(end), uint64_t(0));
        });
    });
    json_line().add("name", "read").add("unit", "bytes/s").add("values", values).print();
}

/** Not warm: what a system, and the host of a virtual machine, have to do for memory that nobody had before. */
void run_take_ceiling(const arguments & args) {
    const auto n_threads = size_t(args.integer("threads", 1, 1, 512));
    const auto n_bytes   = size_t(args.integer("megabytes", 1024, 1, most)) * (1 << 20);
    const auto n_repeat  = args.integer("repeat", 1, 1, 1000);
    args.check_all_used();
    constexpr size_t page = 4096; // of the smallest
    const auto values     = rates(double(n_bytes), n_repeat, [&] {
        const std::unique_ptr<char[]> memory(new char[n_bytes]);
        prefer_large_pages(memory.get(), n_bytes);
        in_shares(n_bytes / page, n_threads, [&](size_t first, size_t end) {
            for (size_t i = first; i < end; i++) {
                const_cast<volatile char &>(memory[i * page]) = 1;
            }
        });
    });
    json_line().add("name", "take").add("unit", "bytes/s").add("values", values).print();
}

void run_product_ceiling(const arguments & args) {
    const ggml_type type     = type_of(args.text("type", "q4_K"));
    const auto n_columns     = args.integer("columns", 3072, 1, most);
    const auto n_rows        = args.integer("rows", 8192, 1, most);
    const auto n_batch       = args.integer("batch", 512, 1, most);
    const auto n_repeat      = args.integer("repeat", 5, 1, 1000);
    const auto n_threads     = int32_t(args.integer("threads", 1, 1, 512));
    const int64_t block_size = ggml_blck_size(type);
    args.check_all_used();
    if (n_columns % block_size != 0) {
        throw error(error_code::invalid_option,
                    format("--columns is %lld; %s is stored in blocks of %lld", static_cast<long long>(n_columns),
                           ggml_type_name(type), static_cast<long long>(block_size)));
    }
    const backend_set backends("cpu", n_threads);
    ggml_backend_dev_t cpu = ggml_backend_get_device(backends.cpu());

    const auto weights   = make_context();
    const auto others    = make_context();
    ggml_tensor * weight = ggml_new_tensor_2d(weights.get(), type, n_columns, n_rows);
    ggml_tensor * input  = ggml_new_tensor_2d(others.get(), GGML_TYPE_F32, n_columns, n_batch);
    ggml_tensor * result = ggml_mul_mat(others.get(), weight, input);

    ggml_backend_buffer_ptr buffer;
    for (ggml_backend_buffer_type_t layout : weight_layouts(cpu)) {
        weight->data   = nullptr;
        weight->buffer = nullptr;
        weight->extra  = nullptr;
        buffer.reset(ggml_backend_alloc_ctx_tensors_from_buft(weights.get(), layout));
        if (buffer && ggml_backend_dev_supports_op(cpu, result)) {
            break;
        }
    }
    if (!buffer) {
        throw error(error_code::out_of_memory, "the matrix does not fit into memory: lower --rows or --columns");
    }
    ggml_backend_buffer_set_usage(buffer.get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);

    engine_product product(backends, weight);
    result              = product.build(others.get(), weight, input, result, n_threads);
    ggml_cgraph * graph = ggml_new_graph(others.get());
    ggml_build_forward_expand(graph, result);
    const ggml_gallocr_ptr allocator(ggml_gallocr_new(ggml_backend_dev_buffer_type(cpu)));
    if (!ggml_gallocr_alloc_graph(allocator.get(), graph)) {
        throw error(error_code::out_of_memory, "the product does not fit into memory: lower --rows or --batch");
    }
    const auto bytes  = stored(type, n_rows, n_columns);
    const auto values = wave(n_columns * n_batch);
    ggml_backend_tensor_set(weight, bytes.data(), 0, bytes.size());
    ggml_backend_tensor_set(input, values.data(), 0, values.size() * sizeof(float));

    const double operations = 2.0 * double(n_columns) * double(n_rows) * double(n_batch);
    const auto speeds = warm_rates(operations, n_repeat, [&] { ggml_backend_graph_compute(backends.cpu(), graph); });
    json_line()
        .add("name", "product")
        .add("unit", "FLOP/s")
        .add("layout", ggml_backend_buffer_name(buffer.get()))
        .add("kernels", product.is_ours() ? "ours" : "ggml")
        .add("values", speeds)
        .print();
}

} // namespace bench
