#include "rewrite.h"

#include "error.h"
#include "tensor-plan.h"
#include "vocab-check.h"

#include <algorithm>

namespace bllossom {

namespace {

/** A sound model: everything that loading would check before it takes memory has been checked. */
struct checked_model {
    hparams hp;
    std::vector<planned_tensor> plan; // without slots

    explicit checked_model(const model_source & source) : hp(read_hparams(source)) {
        vision_weights vision;
        text_weights text;
        plan = plan_tensors(hp, vision, text);
        match_tensors(source, plan);
        check_vocab(source.metadata());
    }
};

bool is_plain(ggml_type type) {
    return type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16;
}

ggml_type stored_type(const planned_tensor & planned, vision_store vision) {
    const ggml_type type   = planned.source->type;
    const bool is_weight   = planned.use != tensor_use::vector && planned.use != tensor_use::gate;
    const bool may_convert = planned.part == model_part::vision && is_weight && is_plain(type);
    if (!may_convert || vision == vision_store::keep) {
        return type;
    }
    const bool has_blocks = is_matrix(planned.use) && planned.ne[0] % ggml_blck_size(GGML_TYPE_Q8_0) == 0;
    return vision == vision_store::q8_0 && has_blocks ? GGML_TYPE_Q8_0 : GGML_TYPE_BF16;
}

// --- a file for llama.cpp --------------------------------------------------------------------------------------------

/** Our key, and what follows "llama." where the key is one of the architecture. */
std::string llama_key(const std::string & key) {
    static const char * const names[] = {
        "context_length",       "embedding_length",        "feed_forward_length",
        "attention.head_count", "attention.head_count_kv", "attention.layer_norm_rms_epsilon",
        "rope.freq_base",       "rope.dimension_count",    "vocab_size"};
    for (const char * name : names) {
        if (key == std::string("mllama.") + name) {
            return std::string("llama.") + name;
        }
    }
    const bool is_general = key.rfind("general.", 0) == 0 && key != "general.architecture";
    return is_general || key.rfind("tokenizer.", 0) == 0 ? key : "";
}

/** The tokens that have logits, and no id beyond them. */
void cut_vocabulary(std::vector<metadata_entry> & entries, size_t n_vocab) {
    for (auto & entry : entries) {
        if (entry.key == "tokenizer.ggml.tokens") {
            std::get<std::vector<std::string>>(entry.value).resize(n_vocab);
        } else if (entry.key == "tokenizer.ggml.token_type") {
            std::get<std::vector<int32_t>>(entry.value).resize(n_vocab);
        } else if (entry.key == "tokenizer.ggml.eos_token_ids") {
            auto & ids = std::get<std::vector<int32_t>>(entry.value);
            ids.erase(std::remove_if(ids.begin(), ids.end(), [&](int32_t id) { return size_t(id) >= n_vocab; }),
                      ids.end());
        }
    }
    const auto is_beyond = [&](const metadata_entry & entry) {
        const auto * id = std::get_if<uint32_t>(&entry.value);
        const bool is_id =
            entry.key.rfind("tokenizer.ggml.", 0) == 0 && entry.key.find("_token_id") != std::string::npos;
        return is_id && id != nullptr && *id >= n_vocab;
    };
    entries.erase(std::remove_if(entries.begin(), entries.end(), is_beyond), entries.end());
}

std::vector<metadata_entry> llama_metadata(const gguf_metadata & metadata, const hparams & hp) {
    std::vector<metadata_entry> entries;
    entries.push_back({"general.architecture", std::string("llama")});
    entries.push_back({"llama.block_count", uint32_t(hp.text.n_layer_self())});
    for (auto & entry : to_entries(metadata)) {
        std::string key = llama_key(entry.key);
        if (!key.empty()) {
            entries.push_back({std::move(key), std::move(entry.value)});
        }
    }
    cut_vocabulary(entries, size_t(hp.text.n_vocab));
    return entries;
}

/** Per layer its place among the self layers, -1 for a cross layer. */
std::vector<int32_t> number_self_layers(const text_hparams & hp) {
    std::vector<int32_t> places;
    int32_t next = 0;
    for (const bool is_cross : hp.is_cross) {
        places.push_back(is_cross ? -1 : next++);
    }
    return places;
}

} // namespace

copy_plan plan_rewrite(const model_source & source, vision_store vision) {
    const checked_model checked(source);
    copy_plan plan{to_entries(source.metadata()), {}};
    for (const auto & planned : checked.plan) {
        plan.tensors.push_back({planned.name, planned.source, planned.source->n_rows(), stored_type(planned, vision)});
    }
    return plan;
}

copy_plan plan_text_export(const model_source & source) {
    const checked_model checked(source);
    const auto places = number_self_layers(checked.hp.text);
    copy_plan plan{llama_metadata(source.metadata(), checked.hp), {}};
    for (const auto & planned : checked.plan) {
        const bool is_layer = planned.part == model_part::layer;
        const int32_t place = is_layer ? places[size_t(planned.il)] : -1;
        if (planned.part == model_part::vision || (is_layer && place < 0)) {
            continue;
        }
        const std::string prefix = is_layer ? format("blk.%d.", planned.il) : "";
        const std::string name =
            is_layer ? format("blk.%d.", place) + planned.name.substr(prefix.size()) : planned.name;
        const bool is_embedding = planned.name == "token_embd.weight";
        plan.tensors.push_back({name, planned.source, is_embedding ? checked.hp.text.n_vocab : planned.source->n_rows(),
                                planned.source->type});
    }
    return plan;
}

} // namespace bllossom
