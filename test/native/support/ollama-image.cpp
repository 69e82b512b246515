#include "support/ollama-image.h"

#include <algorithm>
#include <cmath>

#include <gguf.h>

namespace tiny {

namespace {

void drop_keys(gguf_image & image) {
    const std::vector<std::string> unknown = {
        "mllama.schema_version",           "mllama.image_token_id",       "mllama.vision.supported_aspect_ratios",
        "mllama.vision.vision_output_dim", "mllama.vision.feature_order", "mllama.vision.gates",
        "mllama.vision.image_mean",        "mllama.vision.image_std",     "mllama.vision.image_rescale_factor",
        "tokenizer.ggml.eos_token_ids",    "tokenizer.ggml.add_bos_token"};
    const auto is_unknown = [&](const gguf_image::entry & entry) {
        return std::find(unknown.begin(), unknown.end(), entry.key) != unknown.end() ||
               entry.key.rfind("mllama.rope.scaling.", 0) == 0;
    };
    image.entries.erase(std::remove_if(image.entries.begin(), image.entries.end(), is_unknown), image.entries.end());
}

void rename(gguf_image & image) {
    const std::vector<std::pair<std::string, std::string>> names = {{".attn_norm.", ".ln1."},
                                                                    {".ffn_norm.", ".ln2."},
                                                                    {".attn_output.", ".attn_out."},
                                                                    {".ffn_up.", ".ffn_down."},
                                                                    {".ffn_down.", ".ffn_up."}};
    for (auto & tensor : image.tensors) {
        if (tensor.name.rfind("v.", 0) != 0) {
            continue;
        }
        for (const auto & [from, to] : names) {
            const size_t at = tensor.name.find(from);
            if (at != std::string::npos) {
                tensor.name.replace(at, from.size(), to);
                break;
            }
        }
    }
}

float * number_of(gguf_image & image, const std::string & name) {
    return reinterpret_cast<float *>(image.data.data() + image.find_tensor(name).offset);
}

void activate_gates(gguf_image & image) {
    for (const auto & tensor : image.tensors) {
        const bool is_gate =
            tensor.name.find("_gate") != std::string::npos || tensor.name.find(".gate") != std::string::npos;
        if (tensor.name.rfind("v.", 0) == 0 && is_gate) {
            float * value = number_of(image, tensor.name);
            *value        = std::tanh(*value);
        }
    }
    const float position                      = *number_of(image, "v.position_embd.gate");
    *number_of(image, "v.position_embd.gate") = 1.0f - position;

    image.data.resize((image.data.size() + image.alignment - 1) / image.alignment * image.alignment);
    image.tensors.push_back({"v.tile_position_embd.gate", {1}, int32_t(GGML_TYPE_F32), image.data.size()});
    image.data += raw(position);
}

} // namespace

gguf_image to_ollama_image(gguf_image image) {
    drop_keys(image);
    activate_gates(image);
    rename(image);
    return image;
}

} // namespace tiny
