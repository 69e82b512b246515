// The writer of GGUF files and the conversion of rows.

#include "check.h"
#include "error.h"
#include "gguf-file.h"
#include "gguf-writer.h"
#include "support/temp-dir.h"

#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>

#include <sys/resource.h>
#include <unistd.h>

using namespace bllossom;
namespace fs = std::filesystem;

namespace {

bool fails(error_code code, const std::string & part, const std::function<void()> & call) {
    try {
        call();
    } catch (const error & e) {
        const bool good = e.code() == code && std::string(e.what()).find(part) != std::string::npos;
        if (!good) {
            fprintf(stderr, "unexpected %s: %s\n", error_code_name(e.code()), e.what());
        }
        return good;
    }
    fprintf(stderr, "nothing was thrown; expected %s\n", error_code_name(code));
    return false;
}

bool is_empty(const temp_dir & dir) {
    return fs::is_empty(dir.file(""));
}

/** Multiples of 1/64 in [-2, 2): exact in F16 and BF16. */
std::vector<float> ramp(size_t n) {
    std::vector<float> values(n);
    for (size_t i = 0; i < n; ++i) {
        values[i] = float(int(i * 37 % 256) - 128) / 64.0f;
    }
    return values;
}

const uint8_t * bytes_of(const std::vector<float> & values) {
    return reinterpret_cast<const uint8_t *>(values.data());
}

std::vector<uint8_t> convert(const std::vector<float> & values, int64_t n_per_row, ggml_type type, int n_threads,
                             const float * importance = nullptr, conversion_loss * loss = nullptr) {
    const int64_t n_rows = int64_t(values.size()) / n_per_row;
    std::vector<uint8_t> out(size_t(n_rows) * ggml_row_size(type, n_per_row));
    const conversion_loss lost =
        convert_rows(bytes_of(values), source_type::f32, n_rows, n_per_row, type, out.data(), n_threads, importance);
    if (loss != nullptr) {
        *loss = lost;
    }
    return out;
}

std::vector<float> dequantize(const std::vector<uint8_t> & data, ggml_type type, size_t n) {
    std::vector<float> values(n);
    ggml_get_type_traits(type)->to_float(data.data(), values.data(), int64_t(n));
    return values;
}

double relative_error(const std::vector<float> & a, const std::vector<float> & b) {
    double difference = 0, norm = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        difference += double(a[i] - b[i]) * double(a[i] - b[i]);
        norm += double(a[i]) * double(a[i]);
    }
    return std::sqrt(difference / norm);
}

void test_types_keep_their_precision() {
    const auto values                              = ramp(64 * 512);
    const std::pair<const char *, double> limits[] = {
        {"F16", 0},     {"BF16", 0},      {"Q8_0", 0.01},   {"Q6_K", 0.03}, {"Q5_K", 0.05},
        {"Q5_1", 0.05}, {"Q5_0", 0.06},   {"Q4_K", 0.1},    {"Q4_1", 0.1},  {"Q4_0", 0.1},
        {"Q3_K", 0.2},  {"IQ4_NL", 0.12}, {"IQ4_XS", 0.12}, {"Q2_K", 0.4}};
    for (const auto & [name, limit] : limits) {
        const ggml_type type = target_type_from_name(name);
        const double error   = relative_error(values, dequantize(convert(values, 512, type, 2), type, values.size()));
        CHECK(error <= limit);
    }
    CHECK(memcmp(convert(values, 512, GGML_TYPE_F32, 2).data(), values.data(), values.size() * 4) == 0);
}

void test_result_does_not_depend_on_threads() {
    const auto values = ramp(4096 * 512); // several slices
    std::vector<float> importance(512);
    for (size_t i = 0; i < importance.size(); ++i) {
        importance[i] = 1.0f / float(i + 1);
    }
    for (const ggml_type type : {GGML_TYPE_Q4_K, GGML_TYPE_Q6_K, GGML_TYPE_BF16}) {
        conversion_loss of_one, of_five;
        const auto by_one = convert(values, 512, type, 1, importance.data(), &of_one);
        CHECK(by_one == convert(values, 512, type, 5, importance.data(), &of_five));
        CHECK(of_one.squared_error == of_five.squared_error && of_one.squared_sum == of_five.squared_sum);
    }
}

void test_loss_is_that_of_the_stored_values() {
    const auto values = ramp(64 * 512);
    for (const ggml_type type : {GGML_TYPE_F32, GGML_TYPE_BF16, GGML_TYPE_Q8_0, GGML_TYPE_Q4_K}) {
        conversion_loss loss;
        const auto stored = convert(values, 512, type, 2, nullptr, &loss);
        const double expected =
            type == GGML_TYPE_F32 ? 0 : relative_error(values, dequantize(stored, type, values.size()));
        CHECK(std::abs(std::sqrt(loss.squared_error / loss.squared_sum) - expected) < 1e-9);
    }
}

/** Importance that is 0 everywhere or huge must end in finite values too: the kernels divide by sums of it. */
void test_any_importance_gives_finite_values() {
    const auto values = ramp(8 * 512);
    for (const float weight : {0.0f, 1e-30f, 1e30f}) {
        const std::vector<float> importance(512, weight);
        for (const char * name :
             {"Q6_K", "Q5_K", "Q5_1", "Q5_0", "Q4_K", "Q4_1", "Q4_0", "Q3_K", "Q2_K", "IQ4_NL", "IQ4_XS"}) {
            const ggml_type type = target_type_from_name(name);
            const auto stored    = convert(values, 512, type, 1, importance.data());
            for (const float value : dequantize(stored, type, values.size())) {
                CHECK(std::isfinite(value));
            }
        }
    }
}

void test_sources_of_16_bits_at_odd_addresses() {
    const auto values = ramp(256);
    std::vector<ggml_bf16_t> bf16(256);
    std::vector<ggml_fp16_t> fp16(256);
    std::vector<uint8_t> shifted(1 + 512);
    std::vector<float> out(256);
    ggml_fp32_to_bf16_row_ref(values.data(), bf16.data(), 256);
    ggml_fp32_to_fp16_row(values.data(), fp16.data(), 256);

    memcpy(shifted.data() + 1, bf16.data(), 512);
    convert_rows(shifted.data() + 1, source_type::bf16, 1, 256, GGML_TYPE_F32, reinterpret_cast<uint8_t *>(out.data()),
                 1);
    CHECK(out == values);
    memcpy(shifted.data() + 1, fp16.data(), 512);
    convert_rows(shifted.data() + 1, source_type::f16, 1, 256, GGML_TYPE_F32, reinterpret_cast<uint8_t *>(out.data()),
                 1);
    CHECK(out == values);
}

void test_refuses_values_that_no_file_should_hold() {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        auto values    = ramp(1024 * 512);
        values[333333] = bad;
        for (const ggml_type type : {GGML_TYPE_F32, GGML_TYPE_BF16, GGML_TYPE_Q4_K}) {
            CHECK(fails(error_code::model_format, "NaN or infinity", [&] { convert(values, 512, type, 3); }));
        }
    }
    auto huge = ramp(512);
    huge[7]   = 1e6f;
    CHECK(fails(error_code::model_format, "F16", [&] { convert(huge, 512, GGML_TYPE_F16, 1); }));
    huge[7] = 1e30f;
    CHECK(fails(error_code::model_format, "Q8_0", [&] { convert(huge, 512, GGML_TYPE_Q8_0, 1); }));
    CHECK(convert(huge, 512, GGML_TYPE_BF16, 1).size() == 1024);
}

std::vector<metadata_entry> some_metadata() {
    return {{"general.architecture", std::string("test")},
            {"a.u32", uint32_t(4000000000)},
            {"a.i32", int32_t(-5)},
            {"a.f32", 0.25f},
            {"a.bool", true},
            {"a.numbers", std::vector<int32_t>{1, -2, 3}},
            {"a.factors", std::vector<float>{0.5f}},
            {"a.texts", std::vector<std::string>{"하나", "", "three"}},
            {"a.none", std::vector<int32_t>{}}};
}

void test_writes_what_the_reader_reads() {
    temp_dir dir;
    const std::string path = dir.file("model.gguf");
    const auto first = ramp(3 * 5), second = ramp(2 * 256);
    {
        gguf_writer writer(path, some_metadata(), {{"first", "F32", {5, 3}}, {"second", "Q4_K", {256, 1, 2}}}, 2);
        writer.write(0, bytes_of(first), 2 * 5 * 4, source_type::f32); // in two parts, another tensor between them
        writer.write(1, bytes_of(second), second.size() * 4, source_type::f32);
        writer.write(0, bytes_of(first) + 2 * 5 * 4, 5 * 4, source_type::f32);
        CHECK(!fs::exists(path));
        writer.finish();
        writer.abort(); // harmless
    }
    CHECK(fs::exists(path) && !fs::exists(path + ".tmp"));

    const gguf_file file(path);
    CHECK(file.get_u32("a.u32") == 4000000000u);
    CHECK(file.get_f32("a.f32") == 0.25f);
    CHECK(file.get_bool("a.bool"));
    CHECK(file.get_i32_array("a.numbers") == (std::vector<int32_t>{1, -2, 3}));
    CHECK(file.get_str_array("a.texts").at(0) == "하나");
    CHECK(file.find("a.none")->count == 0);
    CHECK(file.tensors().size() == 2);

    const gguf_tensor * tensor = file.find_tensor("first");
    std::vector<float> read(first.size());
    file.read(tensor->offset, read.data(), tensor->bytes);
    CHECK(read == first);
    tensor = file.find_tensor("second");
    CHECK(tensor->offset % 32 == 0);
    std::vector<uint8_t> blocks(tensor->bytes);
    file.read(tensor->offset, blocks.data(), tensor->bytes);
    CHECK(blocks == convert(second, 256, GGML_TYPE_Q4_K, 1));
}

void test_misuse_is_an_error() {
    temp_dir dir;
    const std::string path = dir.file("model.gguf");
    const auto values      = ramp(64);
    const auto plan        = std::vector<tensor_plan>{{"only", "F32", {8, 2}}};
    {
        gguf_writer writer(path, {}, plan, 1);
        const auto refused = [&](const std::string & part, size_t n_bytes) {
            return fails(error_code::invalid_option, part,
                         [&] { writer.write(0, bytes_of(values), n_bytes, source_type::f32); });
        };
        CHECK(refused("0 bytes", 0));
        CHECK(refused("rows have 32 bytes", 33));
        CHECK(refused("2 rows are missing", 96));
        CHECK(fails(error_code::invalid_option, "0 of its 2 rows", [&] { writer.finish(); }));
        writer.write(0, bytes_of(values), 64, source_type::f32); // refused calls did no harm
        CHECK(refused("0 rows are missing", 32));
        CHECK(fails(error_code::invalid_option, "no tensor 1",
                    [&] { writer.write(1, bytes_of(values), 32, source_type::f32); }));
        writer.finish();
        CHECK(fails(error_code::closed, "finished or aborted", [&] { writer.finish(); }));
        CHECK(fails(error_code::closed, "finished or aborted",
                    [&] { writer.write(0, bytes_of(values), 32, source_type::f32); }));
    }
    CHECK(gguf_file(path).tensors().size() == 1);
}

void test_bad_plans_are_refused() {
    temp_dir dir;
    const auto refused = [&](const std::string & part, const std::vector<metadata_entry> & metadata,
                             const std::vector<tensor_plan> & plan) {
        return fails(error_code::invalid_option, part, [&] { gguf_writer(dir.file("x"), metadata, plan, 1); });
    };
    CHECK(refused("planned twice", {}, {{"a", "F32", {1}}, {"a", "F32", {1}}}));
    CHECK(refused("1 to 63 characters", {}, {{std::string(64, 'n'), "F32", {1}}}));
    CHECK(refused("1 to 63 characters", {}, {{"", "F32", {1}}}));
    CHECK(refused("0 dimensions", {}, {{"a", "F32", {}}}));
    CHECK(refused("5 dimensions", {}, {{"a", "F32", {1, 1, 1, 1, 1}}}));
    CHECK(refused("dimension of 0", {}, {{"a", "F32", {0}}}));
    CHECK(refused("dimension of", {}, {{"a", "F32", {1ll << 40, 1ll << 40}}}));
    CHECK(refused("multiple of 256", {}, {{"a", "Q4_K", {128}}}));
    CHECK(refused("\"IQ2_XXS\"", {}, {{"a", "IQ2_XXS", {256}}}));
    CHECK(refused("\"q8_0\"", {}, {{"a", "q8_0", {32}}}));
    CHECK(refused("given twice", {{"k", true}, {"k", true}}, {}));
    CHECK(refused("cannot be set", {{"general.alignment", uint32_t(3)}}, {}));
    CHECK(refused("NUL", {{"k", std::string("a\0b", 3)}}, {}));
    CHECK(is_empty(dir));
}

void test_stored_rows_are_taken_as_they_are() {
    temp_dir dir;
    const auto blocks = convert(ramp(2 * 256), 256, GGML_TYPE_Q4_K, 1);
    const auto plan   = std::vector<tensor_plan>{{"weights", "Q4_K", {256, 2}}};
    {
        gguf_writer writer(dir.file("model.gguf"), {}, plan, 1);
        CHECK(fails(error_code::invalid_option, "rows have 144 bytes",
                    [&] { writer.write_stored(0, blocks.data(), 145); }));
        writer.write_stored(0, blocks.data(), blocks.size());
        writer.finish();
    }
    const gguf_file file(dir.file("model.gguf"));
    std::vector<uint8_t> read(blocks.size());
    file.read(file.find_tensor("weights")->offset, read.data(), read.size());
    CHECK(read == blocks);

    auto damaged = blocks;
    damaged[1]   = 0x7c; // the scale of the first block: infinity
    damaged[0]   = 0x00;
    gguf_writer writer(dir.file("damaged.gguf"), {}, plan, 1);
    CHECK(fails(error_code::model_format, "tensor weights holds",
                [&] { writer.write_stored(0, damaged.data(), damaged.size()); }));
}

std::string bytes_of_file(const std::string & path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void test_a_kept_file_is_resumed() {
    temp_dir dir;
    const auto values = ramp(3 * 256);
    const auto plan   = std::vector<tensor_plan>{{"a", "Q8_0", {256, 3}}, {"b", "F32", {256, 1}}};
    const auto row    = [&](gguf_writer & writer, size_t tensor, int i) {
        writer.write(tensor, bytes_of(values) + size_t(i) * 1024, 1024, source_type::f32);
    };
    const auto whole = dir.file("whole.gguf"), path = dir.file("model.gguf");
    {
        gguf_writer writer(whole, some_metadata(), plan, 1);
        writer.write(0, bytes_of(values), 3 * 1024, source_type::f32);
        row(writer, 1, 1);
        writer.finish();
    }
    using rows_done = std::vector<int64_t>;
    {
        gguf_writer writer(path, some_metadata(), plan, 1, rows_done{0, 0});
        row(writer, 0, 0);
        row(writer, 1, 1);
        writer.sync();
        row(writer, 0, 2); // not in the books of whoever resumes: written again
    }
    CHECK(fs::exists(path + ".tmp") && !fs::exists(path));
    {
        auto values_of_nobody = some_metadata();
        values_of_nobody.pop_back();
        const rows_done done{1, 1};
        CHECK(
            fails(error_code::model_format, "begin anew", [&] { gguf_writer(path, values_of_nobody, plan, 1, done); }));
        CHECK(fails(error_code::model_format, "begin anew",
                    [&] { gguf_writer(dir.file("other.gguf"), some_metadata(), plan, 1, done); }));
        CHECK(fails(error_code::invalid_option, "4 of its 3 rows", [&] {
            gguf_writer(path, some_metadata(), plan, 1, rows_done{4, 0});
        }));
        CHECK(fails(error_code::invalid_option, "rows of 1 tensors",
                    [&] { gguf_writer(path, some_metadata(), plan, 1, rows_done{1}); }));
        gguf_writer writer(path, some_metadata(), plan, 1, done);
        row(writer, 0, 1);
        row(writer, 0, 2);
        writer.finish();
    }
    CHECK(bytes_of_file(path) == bytes_of_file(whole));

    { gguf_writer writer(path, some_metadata(), plan, 1, rows_done{0, 0}); }
    std::ofstream(path + ".tmp") << "something else";
    {
        gguf_writer writer(path, some_metadata(), plan, 1, rows_done{0, 0}); // begins over it
        auto bad = values;
        bad[5]   = NAN;
        CHECK(fails(error_code::model_format, "NaN", [&] { writer.write(0, bytes_of(bad), 1024, source_type::f32); }));
    }
    CHECK(fs::exists(path + ".tmp"));
    {
        gguf_writer writer(path, some_metadata(), plan, 1, rows_done{0, 0});
        writer.abort();
    }
    CHECK(!fs::exists(path + ".tmp") && bytes_of_file(path) == bytes_of_file(whole));
}

void test_failure_leaves_the_old_file_and_nothing_else() {
    temp_dir dir;
    const std::string path = dir.file("model.gguf");
    std::ofstream(path) << "old";
    const auto plan = std::vector<tensor_plan>{{"weights", "F32", {8, 2}}};
    {
        gguf_writer writer(path, {}, plan, 1);
        CHECK(fails(error_code::io, "exists; remove it", [&] { gguf_writer(path, {}, plan, 1); }));
        CHECK(fs::exists(path + ".tmp")); // the second writer left the first one's file alone
        auto values = ramp(16);
        values[9]   = NAN;
        CHECK(fails(error_code::model_format, "tensor weights holds NaN",
                    [&] { writer.write(0, bytes_of(values), 64, source_type::f32); }));
        CHECK(!fs::exists(path + ".tmp"));
        CHECK(fails(error_code::closed, path, [&] { writer.finish(); }));
    }
    { const gguf_writer dropped(path, {}, plan, 1); }
    CHECK(!fs::exists(path + ".tmp"));
    std::string content;
    std::ifstream(path) >> content;
    CHECK(content == "old");
}

void test_places_that_cannot_be_written() {
    temp_dir dir;
    CHECK(fails(error_code::io, "No such file or directory", [&] { gguf_writer(dir.file("no/x"), {}, {}, 1); }));
    CHECK(fails(error_code::io, "not a file", [&] { gguf_writer(dir.file(""), {}, {}, 1); }));
    CHECK(fails(error_code::invalid_option, "empty", [&] { gguf_writer("", {}, {}, 1); }));

    const std::string locked = dir.file("locked");
    fs::create_directory(locked);
    fs::permissions(locked, fs::perms::owner_read | fs::perms::owner_exec);
    const uid_t user = geteuid();
    if (user == 0) {
        CHECK(seteuid(65534) == 0); // root may write everywhere
    }
    CHECK(fails(error_code::io, "Permission denied", [&] { gguf_writer(locked + "/x", {}, {}, 1); }));
    CHECK(seteuid(user) == 0);
}

void test_full_disk() {
    temp_dir dir;
    const std::string path = dir.file("model.gguf");
    const auto values      = ramp(1 << 16);
    gguf_writer writer(path, {}, {{"weights", "F32", {1 << 16, 4}}}, 1);

    signal(SIGXFSZ, SIG_IGN); // a limit on the size of files stands for the full disk: write() fails instead
    rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small = {1 << 18, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    const bool failed = fails(error_code::io, "cannot write " + path + ".tmp: ", [&] {
        for (int row = 0; row < 4; ++row) {
            writer.write(0, bytes_of(values), values.size() * 4, source_type::f32);
        }
    });
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(failed);
    CHECK(is_empty(dir));
}

} // namespace

int main() {
    test_types_keep_their_precision();
    test_result_does_not_depend_on_threads();
    test_loss_is_that_of_the_stored_values();
    test_any_importance_gives_finite_values();
    test_sources_of_16_bits_at_odd_addresses();
    test_refuses_values_that_no_file_should_hold();
    test_writes_what_the_reader_reads();
    test_misuse_is_an_error();
    test_bad_plans_are_refused();
    test_stored_rows_are_taken_as_they_are();
    test_a_kept_file_is_resumed();
    test_failure_leaves_the_old_file_and_nothing_else();
    test_places_that_cannot_be_written();
    test_full_disk();
    return check::summary();
}
