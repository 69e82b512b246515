// The GGUF reader by itself, on files of any architecture.

#include "check.h"
#include "error.h"
#include "gguf-file.h"
#include "support/gguf-image.h"
#include "support/temp-dir.h"

#include <cmath>
#include <fstream>
#include <functional>

using namespace bllossom;
using tiny::gguf_image;
using tiny::raw;

namespace {

const temp_dir dir;

std::string write(const gguf_image & image) {
    const std::string path  = dir.file("test.gguf");
    const std::string bytes = image.serialize();
    std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
    return path;
}

/** The message of the error{model_format} that `body` throws; "" when it throws none. */
std::string refusal(const std::function<void()> & body) {
    try {
        body();
    } catch (const error & e) {
        CHECK(e.code() == error_code::model_format);
        return e.what();
    }
    return "";
}

bool refuses(const gguf_image & image, const char * why) {
    const std::string message = refusal([&] { gguf_file file(write(image)); });
    return message.find(why) != std::string::npos;
}

/** A file of another architecture with a value of every type. */
gguf_image sample() {
    gguf_image image;
    image.entries = {
        {"general.architecture", GGUF_TYPE_STRING, tiny::raw_string("qwen2")},
        {"u8", GGUF_TYPE_UINT8, raw(uint8_t(200))},
        {"i8", GGUF_TYPE_INT8, raw(int8_t(-100))},
        {"u16", GGUF_TYPE_UINT16, raw(uint16_t(60000))},
        {"i16", GGUF_TYPE_INT16, raw(int16_t(-30000))},
        {"u32", GGUF_TYPE_UINT32, raw(uint32_t(4000000000u))},
        {"i32", GGUF_TYPE_INT32, raw(int32_t(-2000000000))},
        {"f32", GGUF_TYPE_FLOAT32, raw(0.5f)},
        {"nan", GGUF_TYPE_FLOAT32, raw(std::nanf(""))},
        {"bool", GGUF_TYPE_BOOL, raw(uint8_t(1))},
        {"u64", GGUF_TYPE_UINT64, raw(~uint64_t(0))},
        {"i64", GGUF_TYPE_INT64, raw(int64_t(INT64_MIN))},
        {"f64", GGUF_TYPE_FLOAT64, raw(1e300)},
        {"texts", GGUF_TYPE_ARRAY, tiny::raw_string_array({"a", "", "\xed\x95\x9c"})},
        {"ints", GGUF_TYPE_ARRAY, tiny::raw_array<int32_t>(GGUF_TYPE_INT32, {3, -4})},
        {"floats", GGUF_TYPE_ARRAY, tiny::raw_array<float>(GGUF_TYPE_FLOAT32, {1.5f, INFINITY})},
        {"none", GGUF_TYPE_ARRAY, tiny::raw_array<int32_t>(GGUF_TYPE_INT32, {})},
    };
    image.tensors = {{"a", {32, 3}, GGML_TYPE_Q8_0, 0}, {"b", {5}, GGML_TYPE_F32, 128}};
    image.data    = std::string(128, 'a') + std::string(20, 'b');
    return image;
}

void reads_every_type() {
    const gguf_file file(write(sample()));
    const auto first = [&](const char * key) { return file.elements(*file.find(key)).at(0); };
    CHECK(file.version() == 3 && file.entries().size() == 17 && file.tensors().size() == 2);
    CHECK(file.get_str("general.architecture") == "qwen2");
    CHECK(std::get<uint64_t>(first("u8")) == 200 && std::get<int64_t>(first("i8")) == -100);
    CHECK(std::get<uint64_t>(first("u16")) == 60000 && std::get<int64_t>(first("i16")) == -30000);
    CHECK(file.get_u32("u32") == 4000000000u && std::get<int64_t>(first("i32")) == -2000000000);
    CHECK(file.get_f32("f32") == 0.5f && file.get_bool("bool") && std::get<bool>(first("bool")));
    CHECK(std::get<uint64_t>(first("u64")) == ~uint64_t(0) && std::get<int64_t>(first("i64")) == INT64_MIN);
    CHECK(std::get<double>(first("f64")) == 1e300);
    CHECK((file.get_str_array("texts") == std::vector<std::string_view>{"a", "", "\xed\x95\x9c"}));
    CHECK((file.get_i32_array("ints") == std::vector<int32_t>{3, -4}) && file.get_i32_array("none").empty());
    CHECK(file.elements(*file.find("texts"), 2).size() == 2);
    CHECK(file.find("absent") == nullptr && file.find_tensor("c") == nullptr);
}

void describes_and_reads_tensors() {
    const gguf_file file(write(sample()));
    const auto & a = *file.find_tensor("a");
    const auto & b = *file.find_tensor("b");
    CHECK(a.bytes == 3 * 34 && a.type == GGML_TYPE_Q8_0 && a.n_dims == 2 && a.ne[1] == 3 && a.n_elements() == 96);
    CHECK(b.bytes == 20 && b.ne[0] == 5 && b.ne[3] == 1);
    std::string bytes(20, '\0');
    file.read(b.offset, bytes.data(), bytes.size());
    CHECK(bytes == std::string(20, 'b'));
}

void getters_name_the_key_they_refuse() {
    const gguf_file file(write(sample()));
    const auto says = [](const std::function<void()> & body, const char * what) {
        return refusal(body).find(what) != std::string::npos;
    };
    CHECK(says([&] { file.get_u32("absent"); }, "\"absent\" is missing"));
    CHECK(says([&] { file.get_u32("i32"); }, "\"i32\" is of type i32, expected u32"));
    CHECK(says([&] { file.get_u32("u32", 1, 10); }, "u32 is 4000000000, the limits are 1 and 10"));
    CHECK(says([&] { file.get_f32("nan"); }, "nan is nan"));
    CHECK(says([&] { file.get_f32("f32", 1.0f, 2.0f); }, "f32 is 0.5"));
    CHECK(says([&] { file.get_f32_array("floats"); }, "not finite"));
    CHECK(says([&] { file.get_str("texts"); }, "array of str"));
    CHECK(says([&] { file.get_i32_array("texts"); }, "expected array of i32"));
    CHECK(says([&] { file.get_str_array("general.architecture"); }, "expected array of str"));
    CHECK(says([&] { file.get_bool("u8"); }, "expected bool"));
}

void refuses_damaged_headers() {
    const auto with = [](const std::function<void(gguf_image &)> & change) {
        gguf_image image = sample();
        change(image);
        return image;
    };
    CHECK(refuses(with([](auto & image) { image.entries.push_back(image.entries[3]); }), "appears twice"));
    CHECK(refuses(with([](auto & image) { image.entries[3].key = ""; }), "is empty"));
    CHECK(refuses(with([](auto & image) { image.entries[1].type = 13; }), "unknown type 13"));
    CHECK(
        refuses(with([](auto & image) { image.entries[14].value = raw(int32_t(GGUF_TYPE_ARRAY)) + raw(uint64_t(1)); }),
                "unknown type 9"));
    CHECK(refuses(with([](auto & image) { image.tensors[1].name = "a"; }), "appears twice"));
    CHECK(refuses(with([](auto & image) { image.tensors[1].offset = 96; }), "overlap"));
    CHECK(refuses(with([](auto & image) { image.tensors[1].offset = 100; }), "no multiple of the alignment"));
    CHECK(refuses(with([](auto & image) { image.tensors[1].offset = 160; }), "ends after the file"));
    CHECK(refuses(with([](auto & image) { image.tensors[1].type = 4; }), "unknown type 4")); // removed from ggml
    CHECK(refuses(with([](auto & image) { image.tensors[1].dims = {}; }), "0 dimensions"));
    CHECK(refuses(with([](auto & image) { image.tensors[1].dims = {0}; }), "dimension of 0"));
    CHECK(refuses(with([](auto & image) { image.tensors[0].dims = {33, 3}; }), "no multiple of the 32"));
    CHECK(refuses(with([](auto & image) {
                      image.tensors[0].dims = {1u << 31, 1u << 31, 1u << 31, 1u << 31};
                  }),
                  "larger than the file"));
    CHECK(refuses(with([](auto & image) { image.data.resize(100); }), "ends after the file"));
    CHECK(refuses(with([](auto & image) {
                      image.entries.push_back({"general.alignment", GGUF_TYPE_UINT32, raw(uint32_t(24))});
                  }),
                  "no power of two"));
}

void accepts_version_2_and_other_alignments() {
    gguf_image image = sample();
    image.version    = 2;
    image.alignment  = 64;
    image.entries.push_back({"general.alignment", GGUF_TYPE_UINT32, raw(uint32_t(64))});
    const gguf_file file(write(image));
    CHECK(file.version() == 2 && file.find_tensor("b")->offset % 64 == 0);
}

void reports_a_file_that_shrinks() {
    const gguf_file file(write(sample()));
    CHECK(truncate(file.path().c_str(), off_t(file.find_tensor("b")->offset)) == 0);
    char byte = 0;
    try {
        file.read(file.find_tensor("b")->offset, &byte, 1);
        CHECK(!"reading past the end must throw");
    } catch (const error & e) {
        CHECK(e.code() == error_code::io);
    }
}

} // namespace

int main() {
    reads_every_type();
    describes_and_reads_tensors();
    getters_name_the_key_they_refuse();
    refuses_damaged_headers();
    accepts_version_2_and_other_alignments();
    reports_a_file_that_shrinks();
    return check::summary();
}
