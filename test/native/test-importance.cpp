// Importance matrices against sums made in another way, and what may go wrong while one is collected.

#include "check.h"
#include "gguf-file.h"
#include "importance-file.h"
#include "support/client.h"
#include "support/gguf-image.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <set>
#include <thread>

#include <ggml-cpp.h>

using namespace bllossom;
using tiny::client;

namespace {

const temp_dir dir;

constexpr int32_t tile_side = 28;
constexpr int64_t n_pos     = 5; // rows of a tile: 4 patches and the class

std::string file_of(const std::string & name, const tiny::model_options & model) {
    const std::string path = dir.file(name);
    tiny::write_model(path, model);
    return path;
}

std::string tiny_path() {
    static const std::string path = file_of("tiny.gguf", {});
    return path;
}

struct loaded : client {
    explicit loaded(const std::string & path = tiny_path(), row_mode mode = row_mode::hf, bool check_tensors = true) {
        engine_options options;
        options.path            = path;
        options.device          = "cpu";
        options.n_threads       = 1;
        options.check_tensors   = check_tensors;
        options.context.kv_type = cache_type::f32;
        options.context.n_ctx   = 1024;
        options.context.mode    = mode;
        CHECK(code(load(options)) == "");
    }
};

/** 1: one tile; 6: 2 x 2 tiles. */
image_input random_image(int32_t aspect_ratio_id) {
    std::mt19937 random{uint32_t(aspect_ratio_id)};
    image_input image;
    image.aspect_ratio_id = aspect_ratio_id;
    image.n_tiles         = aspect_ratio_id == 1 ? 1 : 4;
    image.key             = std::to_string(aspect_ratio_id);
    image.tiles.resize(size_t(image.n_tiles * tile_side * tile_side * 3));
    std::generate(image.tiles.begin(), image.tiles.end(), [&] { return uint8_t(random()); });
    return image;
}

evaluate_request text_request(const std::string & text, int32_t chunk = 0) {
    prompt_part part;
    part.text = text;
    return {{part}, {}, chunk};
}

/** Two tokens, the image, two tokens. */
evaluate_request image_request(int32_t aspect_ratio_id = 1, int32_t chunk = 0) {
    prompt_part before, image, after;
    before.text = "ab";
    after.text  = "cd";
    image       = {prompt_part::kind::special, "<|image|>", {}};
    return {{before, image, after}, {random_image(aspect_ratio_id)}, chunk};
}

/** What is collected so far. */
importance collected(client & c) {
    const std::string path = dir.file("collected.gguf");
    CHECK(c.code(c.write_importance({path, {"test"}, 512})) == "");
    return read_importance(path);
}

importance importance_of(client & c, const std::vector<evaluate_request> & requests) {
    CHECK(c.code(c.begin_importance()) == "");
    for (const evaluate_request & request : requests) {
        CHECK(c.code(c.collect(request)) == "");
    }
    importance sums = collected(c);
    CHECK(c.code(c.end_importance()) == "");
    return sums;
}

bool close_to(const std::vector<double> & a, const std::vector<double> & b, double tolerance = 1e-5) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [&](double x, double y) {
               return std::abs(x - y) <= tolerance * std::max(1e-3, std::abs(y));
           });
}

bool same_sums(const importance & a, const importance & b, double factor = 1, double tolerance = 1e-5) {
    return a.weights.size() == b.weights.size() &&
           std::all_of(a.weights.begin(), a.weights.end(), [&](const auto & entry) {
               const auto found = b.weights.find(entry.first);
               if (found == b.weights.end()) {
                   return false;
               }
               std::vector<double> scaled = found->second.squares;
               for (double & value : scaled) {
                   value *= factor;
               }
               return double(entry.second.n_rows) == factor * double(found->second.n_rows) &&
                      close_to(entry.second.squares, scaled, tolerance);
           });
}

/** Column sums of the squares of the first n_rows rows. */
std::vector<double> square_columns(const std::vector<float> & rows, size_t n_columns, size_t n_rows) {
    std::vector<double> squares(n_columns);
    for (size_t i = 0; i < n_rows * n_columns; i++) {
        squares[i % n_columns] += double(rows.at(i)) * double(rows.at(i));
    }
    return squares;
}

std::vector<float> tensor_values(const gguf_file & file, const std::string & name) {
    const gguf_tensor * tensor = file.find_tensor(name);
    std::vector<float> values(size_t(tensor->n_elements()));
    file.read(tensor->offset, values.data(), values.size() * sizeof(float));
    return values;
}

// --- the sums ------------------------------------------------------------------------------------------------------

void the_first_layer_has_the_sums_of_its_normed_embeddings() {
    loaded c;
    const auto request             = text_request("what the first layer sees");
    const std::vector<int32_t> ids = c.settled(c.evaluate(request)).result->tokens;
    const importance sums          = importance_of(c, {request});
    const gguf_file file(tiny_path());
    const std::vector<float> embd   = tensor_values(file, "token_embd.weight");
    const std::vector<float> weight = tensor_values(file, "blk.0.attn_norm.weight");
    const size_t n_embd             = weight.size();

    std::vector<double> expected(n_embd);
    for (const int32_t id : ids) {
        const float * row = embd.data() + size_t(id) * n_embd;
        double mean       = 0;
        for (size_t i = 0; i < n_embd; i++) {
            mean += double(row[i]) * double(row[i]) / double(n_embd);
        }
        for (size_t i = 0; i < n_embd; i++) {
            expected[i] += std::pow(double(row[i]) / std::sqrt(mean + 1e-5) * double(weight[i]), 2);
        }
    }
    for (const char * name : {"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"}) {
        const input_sums & input = sums.weights.at(name);
        CHECK(input.n_rows == int64_t(ids.size()) && close_to(input.squares, expected));
    }
    CHECK(!close_to(sums.weights.at("blk.0.attn_output.weight").squares, expected));
}

void projector_and_cross_layers_have_the_sums_of_what_an_evaluation_shows() {
    loaded c;
    const std::vector<std::pair<int32_t, int64_t>> ratios = {{1, 1}, {6, 4}};
    for (const auto & [ratio, n_tiles] : ratios) {
        const auto seen        = c.settled(c.evaluate(image_request(ratio))).result;
        const importance sums  = importance_of(c, {image_request(ratio)});
        const auto n_real      = size_t(n_tiles * n_pos);
        const auto & projector = sums.weights.at("mm.0.weight");
        CHECK(projector.n_rows == int64_t(n_real));
        CHECK(close_to(projector.squares, square_columns(seen->vision_features[0], projector.squares.size(), n_real)));
        const auto & keys = sums.weights.at("blk.1.cross_attn_k_proj.weight");
        CHECK(keys.n_rows == int64_t(n_real));
        CHECK(close_to(keys.squares, square_columns(seen->cross_states[0], keys.squares.size(), n_real)));
        CHECK(keys.squares == sums.weights.at("blk.3.cross_attn_v_proj.weight").squares);
    }
}

/** The matrices of a model by the rules of docs/gguf.md: two dimensions, no table, no vector of biases. */
std::set<std::string> matrices_of(const std::string & path, bool tied_head) {
    std::set<std::string> names;
    const gguf_file file(path);
    for (const gguf_tensor & tensor : file.tensors()) {
        const bool is_table = tensor.name.find("position_embd") != std::string::npos ||
                              (tensor.name == "token_embd.weight" && !tied_head);
        if (tensor.n_dims == 2 && !is_table) {
            names.insert(tensor.name);
        }
    }
    return names;
}

void every_matrix_of_the_model_is_there_once_with_its_columns() {
    tiny::model_options tied = tiny::q4_k_options(); // on most processors in a layout of its own
    tied.tied_head           = true;
    const std::vector<std::pair<std::string, bool>> models = {
        {tiny_path(), false}, {file_of("q4_k.gguf", tiny::q4_k_options()), false}, {file_of("tied.gguf", tied), true}};
    for (const auto & [path, is_tied] : models) {
        loaded c(path);
        const importance sums = importance_of(c, {image_request()});
        std::set<std::string> names;
        const gguf_file file(path);
        for (const auto & [name, input] : sums.weights) {
            names.insert(name);
            CHECK(int64_t(input.squares.size()) == file.find_tensor(name)->ne[0] && input.n_rows > 0);
            CHECK(*std::max_element(input.squares.begin(), input.squares.end()) > 0);
        }
        CHECK(names == matrices_of(path, is_tied));
    }
}

void rows_count_where_their_results_matter() {
    const std::vector<std::pair<row_mode, int64_t>> modes = {{row_mode::hf, 5}, {row_mode::meta, 3}};
    for (const auto & [mode, n_attending] : modes) {
        loaded c(tiny_path(), mode);
        const importance sums = importance_of(c, {image_request(6)});
        const auto rows       = [&](const char * name) { return sums.weights.at(name).n_rows; };
        CHECK(rows("blk.0.attn_q.weight") == 5 && rows("blk.4.ffn_down.weight") == 5 && rows("output.weight") == 5);
        CHECK(rows("blk.1.cross_attn_q_proj.weight") == n_attending);
        CHECK(rows("blk.1.cross_attn_o_proj.weight") == n_attending);
        CHECK(rows("blk.3.ffn_gate.weight") == 3 && rows("blk.3.ffn_down.weight") == 3);
        for (const char * name : {"v.blk.0.attn_q.weight", "v.global.blk.1.ffn_down.weight", "mm.0.weight"}) {
            CHECK(rows(name) == 4 * n_pos);
        }
    }
    loaded c; // without an image, what images are read with is not there
    const importance sums = importance_of(c, {text_request("text")});
    CHECK(sums.weights.size() == 3 * 7 + 1 && sums.weights.count("mm.0.weight") == 0);
}

void sums_add_up_and_do_not_depend_on_the_size_of_graphs() {
    loaded c;
    const auto text       = text_request("some words, and then some more of them");
    const importance once = importance_of(c, {text, image_request()});
    CHECK(once.n_chunks == 2 && once.datasets == std::vector<std::string>{"test"});
    CHECK(same_sums(importance_of(c, {text, image_request(), text, image_request()}), once, 2));
    for (const int32_t chunk : {1, 3, 7}) {
        evaluate_request small = text;
        small.chunk            = chunk;
        // Graphs of other sizes sum in another order; seen: 1.1e-5 of a column.
        CHECK(same_sums(importance_of(c, {small, image_request(1, chunk)}), once, 1, 1e-4));
    }
    CHECK(!same_sums(importance_of(c, {text}), once));
}

void an_older_file_is_continued() {
    loaded c;
    const std::string old = dir.file("old.gguf");
    CHECK(c.code(c.begin_importance()) == "" && c.code(c.collect(text_request("older"))) == "");
    CHECK(c.code(c.write_importance({old, {"a", "b"}, 16})) == "" && c.code(c.end_importance()) == "");

    CHECK(c.code(c.begin_importance(old)) == "" && c.code(c.collect(image_request())) == "");
    CHECK(c.code(c.write_importance({old, {"b", "c"}, 32})) == "" && c.code(c.end_importance()) == "");
    const importance both = read_importance(old);
    CHECK(both.datasets == (std::vector<std::string>{"a", "b", "c"}) && both.n_chunks == 2);
    CHECK(same_sums(both, importance_of(c, {text_request("older"), image_request()})));
}

void collecting_does_not_change_what_is_computed() {
    const auto request = image_request(6);
    loaded c;
    const auto logits = [&] { return c.settled(c.evaluate(request)).result->logits; };
    const auto before = logits();
    CHECK(c.code(c.begin_importance()) == "" && c.code(c.collect(request)) == "");
    CHECK(logits() == before && c.code(c.collect(request)) == "");
    CHECK(collected(c).n_chunks == 2); // evaluations are not collected
    CHECK(c.code(c.end_importance()) == "" && logits() == before && c.every_id_settled_once());
}

// --- the file ------------------------------------------------------------------------------------------------------

void the_file_is_one_of_llama_cpp() {
    loaded c;
    importance_of(c, {text_request("abc")});
    const std::string path = dir.file("form.gguf");
    CHECK(c.code(c.begin_importance()) == "" && c.code(c.collect(text_request("abc"))) == "");
    CHECK(c.code(c.write_importance({path, {"corpus.txt"}, 256})) == "");

    ggml_context * data = nullptr;
    const gguf_context_ptr gguf(gguf_init_from_file(path.c_str(), {false, &data}));
    const ggml_context_ptr ctx(data);
    CHECK(gguf != nullptr);
    const auto key = [&](const char * name) { return gguf_find_key(gguf.get(), name); };
    CHECK(gguf_get_val_str(gguf.get(), key("general.type")) == std::string("imatrix"));
    CHECK(gguf_get_arr_n(gguf.get(), key("imatrix.datasets")) == 1);
    CHECK(gguf_get_arr_str(gguf.get(), key("imatrix.datasets"), 0) == std::string("corpus.txt"));
    CHECK(gguf_get_val_u32(gguf.get(), key("imatrix.chunk_count")) == 1);
    CHECK(gguf_get_val_u32(gguf.get(), key("imatrix.chunk_size")) == 256);
    const ggml_tensor * sums   = ggml_get_tensor(data, "blk.0.ffn_down.weight.in_sum2");
    const ggml_tensor * counts = ggml_get_tensor(data, "blk.0.ffn_down.weight.counts");
    CHECK(sums && sums->type == GGML_TYPE_F32 && sums->ne[0] == 96 && ggml_nelements(sums) == 96);
    CHECK(counts && counts->type == GGML_TYPE_F32 && ggml_nelements(counts) == 1 && *(float *) counts->data == 3);
    CHECK(gguf_get_n_tensors(gguf.get()) == 2 * (3 * 7 + 1));
    CHECK(!std::ifstream(path + ".tmp").good());
}

std::string bytes_of(const std::string & path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void files_that_are_no_importance_matrix_of_this_model_are_refused() {
    loaded c;
    const std::string good_path = dir.file("good.gguf");
    CHECK(c.code(c.begin_importance()) == "" && c.code(c.collect(text_request("abc"))) == "");
    CHECK(c.code(c.write_importance({good_path, {"x"}, 1})) == "" && c.code(c.end_importance()) == "");
    const std::string good = bytes_of(good_path), path = dir.file("changed.gguf");
    const auto code = [&](const std::function<void(tiny::gguf_image &)> & change) {
        tiny::gguf_image image = tiny::gguf_image::parse(good);
        change(image);
        std::ofstream(path, std::ios::binary) << image.serialize();
        return c.code(c.begin_importance(path));
    };
    const auto put = [](tiny::gguf_image & image, const std::string & name, float value) {
        std::memcpy(image.data.data() + image.find_tensor(name).offset, &value, sizeof(value));
    };
    const std::string sums = "blk.0.attn_q.weight.in_sum2", counts = "blk.0.attn_q.weight.counts";

    CHECK(code([](auto &) {}) == "" && c.code(c.end_importance()) == "");
    CHECK(code([](auto & i) { i.find("general.type").value = tiny::raw_string("model"); }) == "ERR_MODEL_FORMAT");
    CHECK(code([](auto & i) { i.find("general.type").key = "general.kind"; }) == "ERR_MODEL_FORMAT");
    CHECK(code([](auto & i) { i.find("imatrix.chunk_count").key = "x"; }) == "ERR_MODEL_FORMAT");
    CHECK(code([](auto & i) { i.find("imatrix.datasets").key = "x"; }) == "ERR_MODEL_FORMAT");
    CHECK(code([&](auto & i) { i.find_tensor(counts).name = "other.counts"; }) == "ERR_MODEL_FORMAT");
    CHECK(code([&](auto & i) { i.find_tensor(counts).name = "something"; }) == "ERR_MODEL_FORMAT");
    CHECK(code([&](auto & i) { i.find_tensor(sums).type = GGML_TYPE_I32; }) == "ERR_MODEL_FORMAT");
    CHECK(code([&](auto & i) { i.find_tensor(sums).dims = {32, 2}; }) == "ERR_MODEL_FORMAT");
    CHECK(code([&](auto & i) { i.find_tensor(sums).dims = {32}; }) == "ERR_INVALID_OPTION");
    for (const float value : {-1.0f, NAN, INFINITY}) {
        CHECK(code([&](auto & i) { put(i, sums, value); }) == "ERR_MODEL_FORMAT");
        CHECK(code([&](auto & i) { put(i, counts, value); }) == "ERR_MODEL_FORMAT");
    }
    CHECK(code([&](auto & i) { put(i, counts, 1e30f); }) == "ERR_MODEL_FORMAT");
    CHECK(c.code(c.begin_importance(tiny_path())) == "ERR_MODEL_FORMAT");
    CHECK(c.code(c.begin_importance(dir.file("absent.gguf"))) == "ERR_MODEL_NOT_FOUND");

    tiny::model_options shorter;
    shorter.n_layer      = 2;
    shorter.cross_layers = {1};
    loaded other(file_of("shorter.gguf", shorter));
    CHECK(other.code(other.begin_importance(good_path)) == "ERR_INVALID_OPTION");
    CHECK(c.code(c.begin_importance(good_path)) == "" && c.every_id_settled_once());
}

// --- misuse and failure ----------------------------------------------------------------------------------------------

void a_collection_has_a_beginning_and_an_end() {
    const importance_target target{dir.file("none.gguf"), {"x"}, 1};
    client none;
    CHECK(none.code(none.begin_importance()) == "ERR_NOT_LOADED" &&
          none.code(none.end_importance()) == "ERR_NOT_LOADED");

    loaded c;
    CHECK(c.code(c.collect(text_request("a"))) == "ERR_INVALID_OPTION");
    CHECK(c.code(c.write_importance(target)) == "ERR_INVALID_OPTION");
    CHECK(c.code(c.end_importance()) == "");
    CHECK(c.code(c.begin_importance()) == "" && c.code(c.begin_importance()) == "ERR_INVALID_OPTION");
    CHECK(c.code(c.write_importance(target)) == "ERR_INVALID_OPTION"); // nothing to write
    CHECK(c.code(c.collect(text_request(""))) == "ERR_INVALID_OPTION");
    CHECK(c.code(c.collect(text_request(std::string(1025, 'a')))) == "ERR_CONTEXT_FULL");
    CHECK(c.code(c.collect(text_request("a"))) == "");
    CHECK(c.code(c.write_importance({dir.file("no folder/x.gguf"), {"x"}, 1})) == "ERR_IO");
    CHECK(c.code(c.write_importance(target)) == ""); // still open
    CHECK(c.code(c.end_importance()) == "" && c.code(c.collect(text_request("a"))) == "ERR_INVALID_OPTION");
    CHECK(c.every_id_settled_once());
}

void what_was_cancelled_is_not_summed() {
    loaded c;
    const importance wanted = importance_of(c, {text_request("before"), text_request("after")});
    CHECK(c.code(c.begin_importance()) == "" && c.code(c.collect(text_request("before"))) == "");
    const uint32_t id = c.collect(text_request(std::string(1000, 'a'), 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    c.get().cancel(id);
    CHECK(c.code(id) == "ERR_CANCELLED");
    CHECK(c.code(c.collect(text_request("after"))) == "" && same_sums(collected(c), wanted));
    CHECK(c.code(c.unload()) == "" && c.every_id_settled_once());
}

void inputs_that_are_no_numbers_are_told_and_not_summed() {
    tiny::gguf_image image = tiny::gguf_image::parse(bytes_of(tiny_path()));
    const float bad        = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(image.data.data() + image.find_tensor("blk.2.ffn_norm.weight").offset, &bad, sizeof(bad));
    const std::string path = dir.file("nan.gguf");
    std::ofstream(path, std::ios::binary) << image.serialize();
    loaded c(path, row_mode::hf, false);
    CHECK(c.code(c.begin_importance()) == "");
    const event e = c.settled(c.collect(text_request("abc")));
    CHECK(e.code == error_code::model_output && e.text.find("blk.2.ffn_") != std::string::npos);
    CHECK(c.code(c.write_importance({dir.file("nan-sums.gguf"), {"x"}, 1})) == "ERR_INVALID_OPTION");
}

} // namespace

int main() {
    the_first_layer_has_the_sums_of_its_normed_embeddings();
    projector_and_cross_layers_have_the_sums_of_what_an_evaluation_shows();
    every_matrix_of_the_model_is_there_once_with_its_columns();
    rows_count_where_their_results_matter();
    sums_add_up_and_do_not_depend_on_the_size_of_graphs();
    an_older_file_is_continued();
    collecting_does_not_change_what_is_computed();
    the_file_is_one_of_llama_cpp();
    files_that_are_no_importance_matrix_of_this_model_are_refused();
    a_collection_has_a_beginning_and_an_end();
    what_was_cancelled_is_not_summed();
    inputs_that_are_no_numbers_are_told_and_not_summed();
    return check::summary();
}
