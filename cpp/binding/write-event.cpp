#include "write-event.h"

#include "write-array.h"
#include "write-memory.h"

namespace bllossom {

static Napi::Array write_strings(Napi::Env env, const std::vector<std::string> & values) {
    Napi::Array array = Napi::Array::New(env, values.size());
    for (uint32_t i = 0; i < values.size(); i++) {
        array.Set(i, values[i]);
    }
    return array;
}

static Napi::Object write_info(Napi::Env env, const model_info & info) {
    const hparams & hp = info.hp;
    Napi::Object o     = Napi::Object::New(env);
    o.Set("name", info.name);
    o.Set("device", info.device);
    o.Set("deviceDescription", info.device_description);
    o.Set("quantization", info.quantization);
    o.Set("parameters", double(info.n_params));
    o.Set("threads", info.n_threads);
    o.Set("contextSize", double(info.n_ctx));
    o.Set("maxImages", info.n_images);
    o.Set("contextTrain", double(hp.text.n_ctx_train));
    o.Set("vocabSize", double(hp.text.n_vocab));
    o.Set("layers", hp.text.n_layer);
    o.Set("crossLayers", hp.text.n_layer_cross());
    o.Set("embeddingSize", double(hp.text.n_embd));
    o.Set("tileSize", hp.vision.image_size);
    o.Set("maxTiles", hp.vision.max_tiles);
    Napi::Array ratios = Napi::Array::New(env, hp.vision.aspect_ratios.size());
    for (uint32_t i = 0; i < hp.vision.aspect_ratios.size(); i++) {
        Napi::Array pair = Napi::Array::New(env, 2);
        pair.Set(0u, hp.vision.aspect_ratios[i].rows);
        pair.Set(1u, hp.vision.aspect_ratios[i].cols);
        ratios.Set(i, pair);
    }
    o.Set("aspectRatios", ratios);
    o.Set("imageToken", info.image_token);
    o.Set("bosToken", info.bos_token);
    o.Set("eosToken", info.eos_token);
    o.Set("addBos", info.add_bos);
    o.Set("specialTokens", write_strings(env, info.special_tokens));
    Napi::Array stops = Napi::Array::New(env, info.stop_tokens.size());
    for (uint32_t i = 0; i < info.stop_tokens.size(); i++) {
        stops.Set(i, info.stop_tokens[i]);
    }
    o.Set("stopTokens", stops);
    o.Set("chatTemplate",
          info.chat_template.empty() ? env.Null() : Napi::Value(Napi::String::New(env, info.chat_template)));
    o.Set("memory", write_memory(env, info.memory));
    return o;
}

static Napi::Object write_stats(Napi::Env env, const generate_stats & stats) {
    Napi::Object o = Napi::Object::New(env);
    o.Set("promptTokens", stats.n_prompt);
    o.Set("cachedTokens", stats.n_reused);
    o.Set("generatedTokens", stats.n_generated);
    o.Set("imagesEncoded", stats.n_images_encoded);
    o.Set("tokensGuessed", stats.n_guessed);
    o.Set("tokensGuessedRight", stats.n_guessed_right);
    o.Set("queueTime", stats.queue_time);
    o.Set("encodeTime", stats.encode_time);
    o.Set("promptTime", stats.prompt_time);
    o.Set("decodeTime", stats.decode_time);
    o.Set("timeToFirstToken", stats.first_token_time);
    return o;
}

static Napi::Value write_logprobs(Napi::Env env, const std::optional<token_logprobs> & logprobs) {
    if (!logprobs) {
        return env.Null();
    }
    Napi::Object o = Napi::Object::New(env);
    o.Set("chosen", write_array<Napi::Float32Array>(env, logprobs->chosen));
    o.Set("topTokens", write_array<Napi::Int32Array>(env, logprobs->top_tokens));
    o.Set("topValues", write_array<Napi::Float32Array>(env, logprobs->top_values));
    return o;
}

static Napi::Array write_float_lists(Napi::Env env, const std::vector<std::vector<float>> & lists) {
    Napi::Array array = Napi::Array::New(env, lists.size());
    for (uint32_t i = 0; i < lists.size(); i++) {
        array.Set(i, write_array<Napi::Float32Array>(env, lists[i]));
    }
    return array;
}

static Napi::Object write_evaluation(Napi::Env env, const evaluation & result) {
    Napi::Object o = Napi::Object::New(env);
    o.Set("tokens", write_array<Napi::Int32Array>(env, result.tokens));
    o.Set("logits", write_array<Napi::Float32Array>(env, result.logits));
    o.Set("visionFeatures", write_float_lists(env, result.vision_features));
    o.Set("crossStates", write_float_lists(env, result.cross_states));
    return o;
}

Napi::Object write_event(Napi::Env env, const event & e) {
    Napi::Object o  = Napi::Object::New(env);
    const auto kind = [&](const char * name) { o.Set("kind", name); };
    o.Set("id", e.id);
    switch (e.type) {
    case event::kind::progress:
        kind("progress");
        o.Set("value", double(e.value));
        break;
    case event::kind::piece:
        kind("piece");
        o.Set("text", e.text);
        break;
    case event::kind::loaded:
        kind("loaded");
        o.Set("info", write_info(env, *e.info));
        break;
    case event::kind::done:
        kind("done");
        o.Set("reason", e.reason == finish_reason::stop ? "stop" : "length");
        o.Set("tokens", write_array<Napi::Int32Array>(env, e.tokens));
        o.Set("stats", write_stats(env, e.stats));
        o.Set("logprobs", write_logprobs(env, e.logprobs));
        break;
    case event::kind::evaluated:
        kind("evaluated");
        o.Set("result", write_evaluation(env, *e.result));
        break;
    case event::kind::encoded:
        kind("encoded");
        o.Set("encodeTime", double(e.value));
        break;
    case event::kind::session:
        kind("session");
        o.Set("prompts", e.session.n_prompts);
        o.Set("tokens", e.session.n_tokens);
        o.Set("images", e.session.n_images);
        break;
    case event::kind::ok:
        kind("ok");
        break;
    case event::kind::error:
        kind("error");
        o.Set("code", error_code_name(e.code));
        o.Set("message", e.text);
        if (e.shortage) {
            write_shortage(o, *e.shortage);
        }
        break;
    }
    return o;
}

} // namespace bllossom
