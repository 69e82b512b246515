#include "read-request.h"

#include "read-value.h"

namespace bllossom {

static std::string string_of(Napi::Object o, const char * key) {
    return read_string(o.Get(key), key);
}
static bool bool_of(Napi::Object o, const char * key) {
    return read_bool(o.Get(key), key);
}
static float float_of(Napi::Object o, const char * key) {
    return float(read_number(o.Get(key), key));
}
static int32_t int_of(Napi::Object o, const char * key) {
    return read_integer<int32_t>(o.Get(key), key);
}

/** An integer of at least `low`. */
static int32_t count_of(Napi::Object o, const char * key, int32_t low = 0) {
    const int32_t value = int_of(o, key);
    if (value < low) {
        refuse(format("%s is %d, but must be at least %d", key, value, low));
    }
    return value;
}

/** One of a few names. */
template <typename T>
static T choice_of(Napi::Object o, const char * key, const std::vector<std::pair<const char *, T>> & choices) {
    const std::string name = string_of(o, key);
    std::string known;
    for (const auto & [text, value] : choices) {
        if (name == text) {
            return value;
        }
        known += (known.empty() ? "" : ", ") + std::string(text);
    }
    refuse(format("%s is \"%.32s\", but must be one of: %s", key, name.c_str(), known.c_str()));
}

static memory_limits read_memory_limits(Napi::Object o) {
    const double share     = read_number(o.Get("memoryShare"), "memoryShare");
    const double gpu_bytes = read_number(o.Get("gpuBytes"), "gpuBytes");
    if (!(share > 0 && share <= 1)) {
        refuse(format("memoryShare is %g, but must be above 0 and up to 1", share));
    }
    if (!(gpu_bytes >= 0 && gpu_bytes < 0x1p63)) {
        refuse(format("gpuBytes is %g, but must be at least 0", gpu_bytes));
    }
    return {share, uint64_t(gpu_bytes)};
}

static layout_hints read_layout_hints(Napi::Object o) {
    using gates = layout_hints::gate_form;
    using heads = layout_hints::head_order;
    return {choice_of<gates>(o, "ollamaGates",
                             {{"auto", gates::automatic}, {"raw", gates::raw}, {"activated", gates::activated}}),
            choice_of<heads>(o, "ollamaHeads",
                             {{"auto", heads::automatic}, {"paired", heads::paired}, {"halves", heads::halves}})};
}

model_files read_model_files(Napi::Value value) {
    const Napi::Object o = read_object(value, "files");
    return {string_of(o, "path"), string_of(o, "projectorPath"), read_layout_hints(o)};
}

engine_options read_engine_options(Napi::Value value) {
    const Napi::Object o = read_object(value, "options");

    engine_options options;
    static_cast<model_files &>(options) = read_model_files(value);
    options.device                      = string_of(o, "device");
    options.n_threads                   = count_of(o, "threads");
    options.n_gpu_layers                = count_of(o, "gpuLayers", -1);
    options.memory                      = read_memory_limits(o);
    options.n_seq_max                   = count_of(o, "maxSequences");
    options.check_tensors               = bool_of(o, "checkTensors");

    options.context.n_ctx    = count_of(o, "contextSize");
    options.context.n_batch  = count_of(o, "batchSize");
    options.context.n_images = count_of(o, "maxImages");

    options.context.mode    = choice_of<row_mode>(o, "rowMode", {{"hf", row_mode::hf}, {"meta", row_mode::meta}});
    const auto kv_types     = choice_of<std::vector<cache_type>>(o, "kvType",
                                                             {{"f16", {cache_type::f16}},
                                                                  {"f32", {cache_type::f32}},
                                                                  {"q8_0", {cache_type::q8_0}},
                                                                  {"auto", {cache_type::f16, cache_type::q8_0}}});
    options.context.kv_type = kv_types.front();
    options.other_types.assign(kv_types.begin() + 1, kv_types.end());
    return options;
}

std::vector<prompt_part> read_prompt(Napi::Value value) {
    return read_list<prompt_part>(value, "prompt", [](Napi::Value item, const std::string & what) {
        const Napi::Object o = read_object(item, what);
        prompt_part part;
        if (o.Has("special")) {
            part.type = prompt_part::kind::special;
            part.text = read_string(o.Get("special"), what + ".special");
        } else if (o.Has("tokens")) {
            part.type   = prompt_part::kind::tokens;
            part.tokens = read_int32_array(o.Get("tokens"), what + ".tokens");
        } else {
            part.text = read_string(o.Get("text"), what + ".text");
        }
        return part;
    });
}

image_input read_image(Napi::Value value, const std::string & name) {
    const Napi::Object o = read_object(value, name);
    image_input image;
    image.tiles           = read_bytes(o.Get("tiles"), name + ".tiles");
    image.n_tiles         = read_integer<int32_t>(o.Get("tileCount"), name + ".tileCount");
    image.aspect_ratio_id = read_integer<int32_t>(o.Get("aspectRatioId"), name + ".aspectRatioId");
    image.key             = read_string(o.Get("key"), name + ".key");
    return image;
}

static std::vector<image_input> read_images(Napi::Value value) {
    return read_list<image_input>(value, "images", read_image);
}

static std::vector<logit_bias> read_logit_bias(Napi::Value value) {
    const Napi::Object o              = read_object(value, "logitBias");
    const std::vector<int32_t> tokens = read_int32_array(o.Get("tokens"), "logitBias.tokens");
    const std::vector<float> values   = read_float32_array(o.Get("values"), "logitBias.values");
    if (tokens.size() != values.size()) {
        refuse(format("logitBias has %zu tokens, but %zu values", tokens.size(), values.size()));
    }
    std::vector<logit_bias> biases;
    for (size_t i = 0; i < tokens.size(); i++) {
        biases.push_back({tokens[i], values[i]});
    }
    return biases;
}

static sampling_params read_sampling(Napi::Value value) {
    const Napi::Object o = read_object(value, "sampling");
    sampling_params params;
    params.temperature        = float_of(o, "temperature");
    params.top_k              = int_of(o, "topK");
    params.top_p              = float_of(o, "topP");
    params.min_p              = float_of(o, "minP");
    params.repetition_penalty = float_of(o, "repetitionPenalty");
    params.frequency_penalty  = float_of(o, "frequencyPenalty");
    params.presence_penalty   = float_of(o, "presencePenalty");
    params.penalty_last_n     = int_of(o, "penaltyLastN");
    params.seed               = read_integer<uint32_t>(o.Get("seed"), "seed");
    params.biases             = read_logit_bias(o.Get("logitBias"));
    check_sampling(params);
    return params;
}

generate_request read_generate_request(Napi::Value value) {
    const Napi::Object o = read_object(value, "request");
    generate_request request;
    request.prompt      = read_prompt(o.Get("prompt"));
    request.images      = read_images(o.Get("images"));
    request.max_tokens  = count_of(o, "maxTokens", 1);
    request.sampling    = read_sampling(o.Get("sampling"));
    request.stop        = read_list<std::string>(o.Get("stop"), "stop", read_string);
    request.ignore_eos  = bool_of(o, "ignoreEos");
    request.reuses_rows = bool_of(o, "reusePrompt");
    request.n_lookup    = count_of(o, "promptLookup");
    request.n_logprobs  = count_of(o, "logprobs", -1);
    request.credit      = read_integer<int64_t>(o.Get("credit"), "credit");
    if (const Napi::Value grammar = o.Get("grammar"); !grammar.IsNull()) {
        request.grammar = read_string(grammar, "grammar");
    }
    return request;
}

evaluate_request read_evaluate_request(Napi::Value value) {
    const Napi::Object o = read_object(value, "request");
    evaluate_request request;
    request.prompt = read_prompt(o.Get("prompt"));
    request.images = read_images(o.Get("images"));
    request.chunk  = count_of(o, "chunk");
    return request;
}

importance_target read_importance_target(Napi::Value value) {
    const Napi::Object o = read_object(value, "target");
    importance_target target;
    target.path       = string_of(o, "path");
    target.datasets   = read_list<std::string>(o.Get("datasets"), "datasets", read_string);
    target.chunk_size = uint32_t(count_of(o, "chunkSize"));
    return target;
}

} // namespace bllossom
