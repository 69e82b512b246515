// libllama's own quantizer as a program, for tests that compare ours with it:
//   reference-quantize <in.gguf> <out.gguf> <file type number> [<importance matrix.gguf>]

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <ggml-cpp.h>
#include <gguf.h>
#include <llama.h>

namespace {

const float * floats(ggml_context * ctx, const std::string & name) {
    ggml_tensor * tensor = ggml_get_tensor(ctx, name.c_str());
    if (tensor == nullptr || tensor->type != GGML_TYPE_F32) {
        fprintf(stderr, "no F32 tensor %s\n", name.c_str());
        exit(1);
    }
    return static_cast<const float *>(tensor->data);
}

/** The mean squares of an importance matrix, by the name of the weight. */
std::map<std::string, std::vector<float>> read_importance(const char * path) {
    ggml_context * raw = nullptr;
    gguf_context_ptr gguf(gguf_init_from_file(path, {/*no_alloc=*/false, &raw}));
    ggml_context_ptr ctx(raw);
    if (!gguf) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    const std::string suffix = ".in_sum2";
    std::map<std::string, std::vector<float>> result;
    for (int64_t i = 0; i < gguf_get_n_tensors(gguf.get()); ++i) {
        const std::string stored = gguf_get_tensor_name(gguf.get(), i);
        if (stored.size() <= suffix.size() || stored.substr(stored.size() - suffix.size()) != suffix) {
            continue;
        }
        const std::string name = stored.substr(0, stored.size() - suffix.size());
        const float * sums     = floats(ctx.get(), stored);
        const float count      = floats(ctx.get(), name + ".counts")[0];
        auto & values          = result[name];
        for (int64_t j = 0; j < ggml_get_tensor(ctx.get(), stored.c_str())->ne[0]; ++j) {
            values.push_back(sums[j] / count);
        }
    }
    return result;
}

} // namespace

int main(int argc, char ** argv) {
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: reference-quantize <in.gguf> <out.gguf> <file type number> [<imatrix.gguf>]\n");
        return 2;
    }
    llama_model_quantize_params params = llama_model_quantize_default_params();
    params.ftype                       = llama_ftype(atoi(argv[3]));

    std::map<std::string, std::vector<float>> importance;
    std::vector<llama_model_imatrix_data> entries;
    if (argc == 5) {
        importance = read_importance(argv[4]);
        for (const auto & [name, values] : importance) {
            entries.push_back({name.c_str(), values.data(), values.size()});
        }
        entries.push_back({nullptr, nullptr, 0});
        params.imatrix = entries.data();
    }
    return int(llama_model_quantize(argv[1], argv[2], &params));
}
