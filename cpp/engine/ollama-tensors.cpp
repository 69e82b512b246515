#include "error.h"
#include "ollama-layout.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace bllossom {

namespace {

bool starts_with(const std::string & text, const char * start) {
    return text.rfind(start, 0) == 0;
}

bool ends_with(const std::string & text, const std::string & end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool is_vision(const std::string & name) {
    return starts_with(name, "v.") || starts_with(name, "mm.");
}

float read_number(const gguf_file & file, const gguf_tensor & tensor) {
    if (tensor.type != GGML_TYPE_F32 || tensor.n_elements() != 1) {
        file.fail(format("tensor \"%s\" must be one f32 number", tensor.name.c_str()));
    }
    float value = 0.0f;
    file.read(tensor.offset, &value, sizeof(value));
    return value;
}

/** Whether F16 or BF16 could hold the number exactly: the bits that neither has are zero. */
bool fits_16_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return (bits & 0x1fff) == 0;
}

// --- gates -----------------------------------------------------------------------------------------------------------

bool is_global_gate(const std::string & name) {
    return starts_with(name, "v.global.blk.") && (ends_with(name, ".attn_gate") || ends_with(name, ".ffn_gate"));
}

bool has_raw_global_gates(const gguf_file & vision, layout_hints::gate_form form) {
    if (form != layout_hints::gate_form::automatic) {
        return form == layout_hints::gate_form::raw;
    }
    bool beyond_tanh = false, all_short = true;
    for (const auto & tensor : vision.tensors()) {
        if (is_global_gate(tensor.name)) {
            const float value = read_number(vision, tensor);
            beyond_tanh       = beyond_tanh || std::fabs(value) > 1;
            all_short         = all_short && fits_16_bits(value);
        }
    }
    return beyond_tanh || all_short;
}

/** The two halves of the position gate must say the same, or they are not what they seem. */
void check_position_gates(const gguf_file & vision, const gguf_tensor & position, const gguf_tensor * tile) {
    constexpr float tolerance = 1e-3f;
    const float inverse       = read_number(vision, position);
    const float gate          = tile != nullptr ? read_number(vision, *tile) : 1.0f - inverse;
    if (!(std::fabs(gate) <= 1.0f && std::fabs(inverse + gate - 1.0f) <= tolerance)) {
        vision.fail(
            format("v.position_embd.gate is %g and v.tile_position_embd.gate %g; they must be 1 - tanh and tanh of "
                   "one gate",
                   double(inverse), double(gate)));
    }
}

// --- names -----------------------------------------------------------------------------------------------------------

/** Whether the first layer of the MLP is called ffn_down. Shapes decide; where they cannot, the style of the names. */
bool has_swapped_mlp(const gguf_file & vision) {
    const auto n_ff        = int64_t(vision.get_u32("mllama.vision.feed_forward_length"));
    const auto n_embd      = int64_t(vision.get_u32("mllama.vision.embedding_length"));
    const gguf_tensor * up = vision.find_tensor("v.blk.0.ffn_up.bias");
    return n_ff == n_embd || up == nullptr ? vision.find_tensor("v.blk.0.ln1.weight") != nullptr : up->ne[0] != n_ff;
}

std::string vision_name(const std::string & name, bool swapped_mlp) {
    static const std::pair<const char *, const char *> parts[] = {
        {".ln1.", ".attn_norm."}, {".ln2.", ".ffn_norm."}, {".attn_out.", ".attn_output."}};
    static const std::pair<const char *, const char *> mlp[] = {{".ffn_up.", ".ffn_down."}, {".ffn_down.", ".ffn_up."}};
    const auto renamed                                       = [&](const auto & pair) {
        std::string result = name;
        return result.replace(result.find(pair.first), strlen(pair.first), pair.second);
    };
    for (const auto & pair : parts) {
        if (name.find(pair.first) != std::string::npos) {
            return renamed(pair);
        }
    }
    for (const auto & pair : mlp) {
        if (swapped_mlp && name.find(pair.first) != std::string::npos) {
            return renamed(pair);
        }
    }
    return name;
}

// --- tensors ---------------------------------------------------------------------------------------------------------

/** The type that a vision tensor is read in. */
ggml_type vision_type(const source_tensor & tensor) {
    const bool is_vector = tensor.ne[1] == 1 || tensor.name == "v.position_embd.weight";
    if (is_vector && (tensor.stored->type == GGML_TYPE_F16 || tensor.stored->type == GGML_TYPE_BF16)) {
        return GGML_TYPE_F32;
    }
    const bool is_projector = tensor.change == row_change::concatenate_features; // columns move, so blocks cannot stay
    return tensor.stored->type == GGML_TYPE_F16 || (is_projector && tensor.stored->type != GGML_TYPE_F32)
               ? GGML_TYPE_BF16
               : tensor.stored->type;
}

class translator {
  public:
    translator(const gguf_file & text, const gguf_file & vision, layout_hints hints)
        : text_(text), vision_(vision), paired_heads_(hints.heads != layout_hints::head_order::halves),
          raw_global_gates_(has_raw_global_gates(vision, hints.gates)), swapped_mlp_(has_swapped_mlp(vision)) {}

    std::vector<source_tensor> translate() {
        for (const auto & tensor : text_.tensors()) {
            if (!is_vision(tensor.name)) {
                add_text(tensor);
            } else if (&vision_ != &text_) {
                text_.fail(format("the tensor \"%s\" is not part of a text model", tensor.name.c_str()));
            }
        }
        for (const auto & tensor : vision_.tensors()) {
            if (is_vision(tensor.name)) {
                add_vision(tensor);
            } else if (&vision_ != &text_) {
                vision_.fail(format("the tensor \"%s\" is not part of a projector", tensor.name.c_str()));
            }
        }
        return std::move(out_);
    }

  private:
    void add_text(const gguf_tensor & stored) {
        source_tensor tensor = as_stored(text_, stored, stored.name);
        const bool is_norm =
            ends_with(stored.name, ".cross_attn_q_norm.weight") || ends_with(stored.name, ".cross_attn_k_norm.weight");
        if (is_norm && paired_heads_ && stored.type == GGML_TYPE_F32 && stored.ne[0] % 2 == 0) {
            tensor.change = row_change::pair_halves;
        }
        out_.push_back(tensor);
    }

    void add_vision(const gguf_tensor & stored) {
        source_tensor tensor = as_stored(vision_, stored, vision_name(stored.name, swapped_mlp_));
        if (stored.name == "v.position_embd.gate") {
            const gguf_tensor * tile = vision_.find_tensor("v.tile_position_embd.gate");
            check_position_gates(vision_, stored, tile);
            if (tile != nullptr) {
                return; // the other half is the more exact one
            }
            tensor.change = row_change::one_minus;
        } else if (stored.name == "v.tile_position_embd.gate") {
            tensor.name = "v.position_embd.gate";
        } else if (is_global_gate(stored.name)) {
            tensor.change = raw_global_gates_ ? row_change::activate : row_change::none;
        } else if (stored.name == "mm.0.weight") {
            change_projector(tensor);
        }
        read_as(tensor, vision_type(tensor));
        out_.push_back(tensor);
    }

    void change_projector(source_tensor & tensor) const {
        const auto width = int64_t(vision_.get_u32("mllama.vision.embedding_length", 1));
        if (tensor.ne[0] % width != 0 || !can_be_read(tensor.stored->type)) {
            vision_.fail(format("tensor \"%s\" is of type %s and has rows of %lld; its columns cannot be put in order",
                                tensor.name.c_str(), ggml_type_name(tensor.type), (long long) tensor.ne[0]));
        }
        tensor.change = row_change::concatenate_features;
        tensor.width  = width;
    }

    static bool can_be_read(ggml_type type) {
        return type == GGML_TYPE_F32 || ggml_get_type_traits(type)->to_float != nullptr;
    }

    const gguf_file & text_;
    const gguf_file & vision_;
    bool paired_heads_;
    bool raw_global_gates_;
    bool swapped_mlp_;
    std::vector<source_tensor> out_;
};

} // namespace

std::vector<source_tensor> ollama_tensors(const gguf_file & text, const gguf_file & vision, layout_hints hints) {
    return translator(text, vision, hints).translate();
}

} // namespace bllossom
