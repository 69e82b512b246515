// Loading of sound files, and every refusal that is not a damaged file (those: test-malformed-gguf.cpp).

#include "check.h"
#include "error.h"
#include "gguf-file.h"
#include "model.h"
#include "support/temp-dir.h"
#include "support/tiny-model.h"
#include "tensor-plan.h"
#include "weight-placement.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace bllossom;

namespace {

/** Runs `body` and returns the name of the code it throws, "" when it throws none. */
std::string code_of(const std::function<void()> & body, std::string * message = nullptr) {
    try {
        body();
    } catch (const error & e) {
        if (message != nullptr) {
            *message = e.what();
        }
        return error_code_name(e.code());
    }
    return "";
}

std::vector<char> read_bytes(const std::string & path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::string & path, const std::vector<char> & bytes) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

void replace_text(std::vector<char> & bytes, const std::string & from, const std::string & to) {
    const auto at = std::search(bytes.begin(), bytes.end(), from.begin(), from.end());
    CHECK(at != bytes.end() && from.size() == to.size());
    std::copy(to.begin(), to.end(), at);
}

load_options options_for(const std::string & path) {
    load_options options;
    options.path = path;
    return options;
}

/** Every planned tensor is bound, has the plan's shape, and where its buffer is readable holds the file's bytes. */
void check_bound(const std::string & path, model & loaded, const char * title) {
    const model_source source({path, "", {}});
    std::map<std::string, int> per_buffer;
    size_t compared = 0;

    // the same weights, planned again: slot pointers into a copy name the loaded tensors
    vision_weights vision;
    text_weights text;
    auto plan = plan_tensors(loaded.hp, vision, text);
    match_tensors(source, plan);
    const auto loaded_tensor = [&](const std::string & name) -> ggml_tensor * {
        for (const auto & ctx : loaded.contexts) {
            if (ggml_tensor * tensor = ggml_get_tensor(ctx.get(), name.c_str())) {
                return tensor;
            }
        }
        return nullptr;
    };
    for (const auto & planned : plan) {
        if (planned.use == tensor_use::gate) {
            continue;
        }
        ggml_tensor * tensor = loaded_tensor(planned.name);
        CHECK(tensor != nullptr && tensor->data != nullptr);
        if (tensor == nullptr) {
            continue;
        }
        CHECK(memcmp(tensor->ne, planned.ne.data(), sizeof(tensor->ne)) == 0);
        CHECK(tensor->type == planned.source->type);
        per_buffer[ggml_backend_buffer_name(tensor->buffer)]++;
        if (ggml_backend_buffer_is_host(tensor->buffer)) {
            std::vector<char> expected(planned.source->bytes), actual(planned.source->bytes);
            planned.source->file->read(planned.source->offset, expected.data(), expected.size());
            ggml_backend_tensor_get(tensor, actual.data(), 0, actual.size());
            CHECK(expected == actual);
            compared++;
        }
        if (planned.use == tensor_use::table) {
            CHECK(ggml_backend_buffer_is_host(tensor->buffer));
        }
    }
    CHECK(compared > 0);
    printf("%s: %zu tensors, %lld parameters, %zu bytes, %s;", title, plan.size(), (long long) loaded.n_params,
           loaded.n_bytes, loaded.ftype.c_str());
    for (const auto & [name, count] : per_buffer) {
        printf(" %d in %s", count, name.c_str());
    }
    printf("\n");
}

float stored_gate(const gguf_file & file, const char * name) {
    float raw = 0;
    file.read(file.find_tensor(name)->offset, &raw, sizeof(raw));
    return raw;
}

void loads_every_tensor(const backend_set & backends, const temp_dir & dir) {
    const std::string path = dir.file("f32.gguf");
    tiny::write_model(path, {});
    const auto loaded = load_model(backends, options_for(path));
    check_bound(path, *loaded, "F32");

    CHECK(loaded->ftype == "F32");
    CHECK(loaded->hp.name == "tiny mllama");
    CHECK(loaded->hp.text.n_layer_cross() == 2 && loaded->hp.text.n_layer_self() == 3);
    CHECK(loaded->hp.text.is_cross[1] && loaded->hp.text.is_cross[3] && !loaded->hp.text.is_cross[0]);
    CHECK(loaded->hp.vision.n_pos() == 5 && loaded->hp.vision.n_embd_out() == 96);
    CHECK(loaded->hp.vision.aspect_ratios.size() == 8 && loaded->hp.vision.aspect_ratios[4].rows == 2);
    CHECK(loaded->hp.n_embd_rows == loaded->hp.text.n_vocab + 8);
    CHECK(!loaded->hp.tied_head && loaded->hp.text.rope_scaled);

    // the members that the graphs read are the tensors of those names
    CHECK(strcmp(loaded->text.layers[1].wq->name, "blk.1.cross_attn_q_proj.weight") == 0);
    CHECK(strcmp(loaded->text.layers[2].wk->name, "blk.2.attn_k.weight") == 0);
    CHECK(strcmp(loaded->text.layers[4].ffn_down->name, "blk.4.ffn_down.weight") == 0);
    CHECK(loaded->text.layers[0].q_norm == nullptr && loaded->text.layers[3].k_norm != nullptr);
    CHECK(strcmp(loaded->vision.global_layers[1].ffn_up_b->name, "v.global.blk.1.ffn_up.bias") == 0);
    CHECK(strcmp(loaded->vision.mm->name, "mm.0.weight") == 0);
    CHECK(loaded->text.output != nullptr && loaded->text.rope_freqs != nullptr);
}

void applies_tanh_to_gates(const backend_set & backends, const temp_dir & dir) {
    const std::string path = dir.file("f32.gguf");
    const auto loaded      = load_model(backends, options_for(path));
    const gguf_file file(path);
    CHECK(loaded->vision.position_gate == std::tanh(stored_gate(file, "v.position_embd.gate")));
    CHECK(loaded->vision.post_tile_gate == std::tanh(stored_gate(file, "v.post_tile_position_embd.gate")));
    CHECK(loaded->vision.global_layers[1].ffn_gate == std::tanh(stored_gate(file, "v.global.blk.1.ffn_gate")));
    CHECK(loaded->vision.layers[0].attn_gate == 1.0f && loaded->vision.layers[0].ffn_gate == 1.0f);
    CHECK(loaded->text.layers[3].cross_mlp_gate == std::tanh(stored_gate(file, "blk.3.cross_attn_mlp_gate")));
}

void loads_quantized_and_tied(const backend_set & backends, const temp_dir & dir) {
    tiny::model_options q8_0;
    q8_0.type      = GGML_TYPE_Q8_0;
    q8_0.tied_head = true;
    tiny::write_model(dir.file("q8_0.gguf"), q8_0);
    const auto tied = load_model(backends, options_for(dir.file("q8_0.gguf")));
    check_bound(dir.file("q8_0.gguf"), *tied, "Q8_0 tied");
    CHECK(tied->hp.tied_head && tied->text.output == nullptr && tied->ftype == "Q8_0");

    tiny::write_model(dir.file("q4_k.gguf"), tiny::q4_k_options());
    const auto q4_k = load_model(backends, options_for(dir.file("q4_k.gguf")));
    check_bound(dir.file("q4_k.gguf"), *q4_k, "Q4_K");
    CHECK(q4_k->ftype == "Q4_K");
}

/** One matrix-vector product by a graph on the loaded weight. */
std::vector<float> multiply(const backend_set & backends, ggml_tensor * weight, const std::vector<float> & row) {
    ggml_context_ptr ctx(ggml_init({8 * ggml_tensor_overhead() + ggml_graph_overhead(), nullptr, true}));
    ggml_tensor * input  = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, weight->ne[0], 1);
    ggml_tensor * result = ggml_mul_mat(ctx.get(), weight, input);
    ggml_cgraph * graph  = ggml_new_graph(ctx.get());
    ggml_build_forward_expand(graph, result);
    ggml_backend_buffer_ptr buffer(ggml_backend_alloc_ctx_tensors(ctx.get(), backends.cpu()));
    ggml_backend_tensor_set(input, row.data(), 0, row.size() * sizeof(float));
    CHECK(ggml_backend_graph_compute(backends.cpu(), graph) == GGML_STATUS_SUCCESS);
    std::vector<float> values(size_t(weight->ne[1]));
    ggml_backend_tensor_get(result, values.data(), 0, values.size() * sizeof(float));
    return values;
}

/** Wherever the loader put a weight, and in whatever layout, it must multiply as the numbers in the file do. */
void repacked_weights_multiply_as_stored(const backend_set & backends, const temp_dir & dir) {
    const std::string path = dir.file("q4_k.gguf");
    const auto loaded      = load_model(backends, options_for(path));
    const gguf_file file(path);
    ggml_tensor * weight = loaded->text.layers[0].ffn_up;
    const auto & source  = *file.find_tensor(weight->name);

    std::vector<char> raw(source.bytes);
    file.read(source.offset, raw.data(), raw.size());
    std::vector<float> numbers(size_t(source.n_elements()));
    ggml_get_type_traits(source.type)->to_float(raw.data(), numbers.data(), source.n_elements());

    std::vector<float> row(size_t(source.ne[0]));
    for (size_t i = 0; i < row.size(); i++) {
        row[i] = std::sin(float(i));
    }
    const auto actual = multiply(backends, weight, row);
    double worst      = 0;
    for (size_t r = 0; r < actual.size(); r++) {
        double expected = 0;
        for (size_t i = 0; i < row.size(); i++) {
            expected += double(numbers[r * row.size() + i]) * double(row[i]);
        }
        worst = std::max(worst, std::fabs(expected - double(actual[r])));
    }
    printf("ffn_up in %s: largest difference of a product %.4f\n", ggml_backend_buffer_name(weight->buffer), worst);
    CHECK(worst < 0.1); // products are near 1; the input is rounded to 8 bits
}

void reports_progress_and_cancels(const backend_set & backends, const temp_dir & dir) {
    load_options options = options_for(dir.file("f32.gguf"));
    float last           = -1;
    options.progress     = [&](float part) {
        CHECK(part >= last && part <= 1);
        last = part;
        return true;
    };
    load_model(backends, options);
    CHECK(last == 1.0f);

    options.progress = [](float part) { return part < 0.5f; };
    CHECK(code_of([&] { load_model(backends, options); }) == "ERR_CANCELLED");
}

void refuses_what_is_no_model(const backend_set & backends, const temp_dir & dir) {
    const auto load = [&](const std::string & path) {
        return code_of([&] { load_model(backends, options_for(path)); });
    };
    CHECK(load(dir.file("absent.gguf")) == "ERR_MODEL_NOT_FOUND");
    CHECK(load("") == "ERR_MODEL_NOT_FOUND");
    CHECK(load(dir.file("")) == "ERR_MODEL_NOT_FOUND");
    CHECK(load("/dev/zero") == "ERR_MODEL_NOT_FOUND");
    CHECK(load(dir.file("f32.gguf") + "/x") == "ERR_MODEL_NOT_FOUND");
    CHECK(load(dir.file("f32.gguf") + std::string("\0x", 2)) == "ERR_MODEL_NOT_FOUND");
    mkfifo(dir.file("pipe").c_str(), 0600);
    CHECK(load(dir.file("pipe")) == "ERR_MODEL_NOT_FOUND");

    write_bytes(dir.file("empty.gguf"), {});
    CHECK(load(dir.file("empty.gguf")) == "ERR_MODEL_FORMAT");
    write_bytes(dir.file("text.gguf"), std::vector<char>(100, 'x'));
    CHECK(load(dir.file("text.gguf")) == "ERR_MODEL_FORMAT");
}

void refuses_other_architectures_and_layouts(const backend_set & backends, const temp_dir & dir) {
    const auto good = read_bytes(dir.file("f32.gguf"));
    std::string message;
    const auto load_edited = [&](const std::string & from, const std::string & to) {
        auto bytes = good;
        replace_text(bytes, from, to);
        write_bytes(dir.file("edited.gguf"), bytes);
        return code_of([&] { load_model(backends, options_for(dir.file("edited.gguf"))); }, &message);
    };
    const std::string version("mllama.schema_version\4\0\0\0\1\0\0\0", 29),
        newer("mllama.schema_version\4\0\0\0\2\0\0\0", 29);
    const std::string arch("\6\0\0\0\0\0\0\0mllama", 14), other("\6\0\0\0\0\0\0\0qwen2x", 14);

    CHECK(load_edited(arch, other) == "ERR_MODEL_UNSUPPORTED" && message.find("qwen2x") != std::string::npos);
    CHECK(load_edited(version, newer) == "ERR_MODEL_UNSUPPORTED" && message.find("2") != std::string::npos);
    CHECK(load_edited("concatenated", "interleaved!") == "ERR_MODEL_UNSUPPORTED");
    CHECK(load_edited(std::string("GGUF\3\0\0\0", 8), std::string("GGUF\0\0\0\3", 8)) == "ERR_MODEL_UNSUPPORTED");
}

void refuses_a_weight_that_is_not_finite(const backend_set & backends, const temp_dir & dir) {
    auto bytes = read_bytes(dir.file("f32.gguf"));
    const gguf_file file(dir.file("f32.gguf"));
    const float nan = std::nanf("");
    memcpy(bytes.data() + file.find_tensor("blk.2.ffn_up.weight")->offset + 40, &nan, sizeof(nan));
    write_bytes(dir.file("nan.gguf"), bytes);

    load_options options = options_for(dir.file("nan.gguf"));
    std::string message;
    CHECK(code_of([&] { load_model(backends, options); }, &message) == "ERR_MODEL_FORMAT");
    CHECK(message.find("blk.2.ffn_up.weight") != std::string::npos);
    options.check_tensors = false;
    CHECK(code_of([&] { load_model(backends, options); }).empty());
}

/** In a child process whose address space may grow by half of what the weights need. */
void refuses_what_does_not_fit_in_memory(const backend_set & backends, const temp_dir & dir) {
    tiny::model_options large;
    large.n_embd = large.n_ff = 512;
    tiny::write_model(dir.file("large.gguf"), large);
    const auto file_bytes = gguf_file(dir.file("large.gguf")).file_bytes();

    const pid_t child = fork();
    if (child == 0) {
        std::ifstream statm("/proc/self/statm");
        size_t pages = 0;
        statm >> pages;
        const rlim_t limit = pages * size_t(sysconf(_SC_PAGESIZE)) + file_bytes / 2;
        const rlimit as{limit, limit};
        setrlimit(RLIMIT_AS, &as);
        if (mmap(nullptr, limit, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) {
            _exit(0); // an emulator, which knows no such limit
        }
        std::string message;
        const auto code = code_of([&] { load_model(backends, options_for(dir.file("large.gguf"))); }, &message);
        _exit(code == "ERR_OUT_OF_MEMORY" && message.find("MiB are available") != std::string::npos ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void checks_device_and_threads() {
    CHECK(code_of([] { backend_set("toaster", 1); }) == "ERR_INVALID_OPTION");
    CHECK(code_of([] { backend_set("cpu", -1); }) == "ERR_INVALID_OPTION");
    CHECK(code_of([] { backend_set("cpu", 100000); }) == "ERR_INVALID_OPTION");
    const backend_set cpu("cpu", 0);
    CHECK(cpu.device_name() == "cpu" && cpu.n_threads() >= 1 && cpu.n_gpus() == 0 && cpu.all().size() == 1);

    const auto devices = list_devices();
    CHECK(!devices.empty() && devices.back().type == "cpu");
    CHECK(devices.back().memory_free > 0 && devices.back().memory_free <= devices.back().memory_total);
    CHECK(available_memory() > 0);
    for (const auto & device : devices) {
        printf("%s (%s, %s): %zu of %zu MiB free\n", device.name.c_str(), device.description.c_str(),
               device.type.c_str(), device.memory_free >> 20, device.memory_total >> 20);
    }
}

} // namespace

int main() {
    const temp_dir dir;
    const backend_set backends("cpu", 2);
    checks_device_and_threads();
    loads_every_tensor(backends, dir);
    applies_tanh_to_gates(backends, dir);
    loads_quantized_and_tied(backends, dir);
    repacked_weights_multiply_as_stored(backends, dir);
    reports_progress_and_cancels(backends, dir);
    refuses_what_is_no_model(backends, dir);
    refuses_other_architectures_and_layouts(backends, dir);
    refuses_a_weight_that_is_not_finite(backends, dir);
    refuses_what_does_not_fit_in_memory(backends, dir);
    return check::summary();
}
