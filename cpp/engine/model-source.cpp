#include "model-source.h"

#include "error.h"
#include "ollama-layout.h"

namespace bllossom {

namespace {

[[noreturn]] void refuse(const gguf_file & file, const std::string & what) {
    throw error(error_code::model_unsupported, file.path() + ": " + what);
}

void check_architecture(const gguf_file & file) {
    const std::string architecture(file.get_str("general.architecture"));
    if (architecture != "mllama") {
        refuse(file, format("the architecture is \"%.64s\", only \"mllama\" (Llama 3.2 Vision) can be run",
                            architecture.c_str()));
    }
}

/** The layout of an unmerged branch of llama.cpp, of which no program ever read the vision tower. */
void refuse_unmerged(const gguf_file & file) {
    bool is_unmerged = file.find("mllama.image_token_index") != nullptr || file.find("vision.type") != nullptr;
    for (const auto & entry : file.entries()) {
        is_unmerged = is_unmerged || entry.key.rfind("vision.cross.mllama.", 0) == 0;
    }
    for (const auto & tensor : file.tensors()) {
        is_unmerged = is_unmerged || tensor.name.rfind("v.enc.", 0) == 0;
    }
    if (is_unmerged) {
        refuse(file, "this mllama file comes from a branch of llama.cpp that was never merged, and its layout is not "
                     "supported; convert the original checkpoint with `bllossom convert`");
    }
}

bool has_text(const gguf_file & file) {
    return file.find_tensor("token_embd.weight") != nullptr;
}

bool has_vision(const gguf_file & file) {
    return file.find_tensor("v.class_embd") != nullptr;
}

} // namespace

model_source::model_source(const model_files & files) : text_(std::make_unique<gguf_file>(files.path)) {
    check_architecture(*text_);
    const bool is_own = text_->find("mllama.schema_version") != nullptr;
    if (!is_own) {
        refuse_unmerged(*text_);
    }
    if (!is_own && !has_text(*text_)) {
        refuse(*text_, has_vision(*text_) ? "this is the projector of a model in two files, not the model; give the "
                                            "text model, and this file as its projector (--projector)"
                                          : "it holds no text model: the tensor \"token_embd.weight\" is missing");
    }
    if (!files.projector_path.empty() && (is_own || has_vision(*text_))) {
        throw error(error_code::invalid_option, format("%s has its own vision tower; leave the projector %s out",
                                                       files.path.c_str(), files.projector_path.c_str()));
    }
    if (is_own) {
        read_own();
    } else {
        read_ollama(has_vision(*text_) ? *text_ : open_projector(files.projector_path), files.hints);
    }
    for (size_t i = 0; i < tensors_.size(); i++) {
        if (!index_.emplace(tensors_[i].name, i).second) {
            text_->fail(
                format("the tensor \"%s\" is there twice, under names of different layouts", tensors_[i].name.c_str()));
        }
    }
}

const source_tensor * model_source::find_tensor(std::string_view name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &tensors_[found->second];
}

void model_source::read_own() {
    for (const auto & tensor : text_->tensors()) {
        tensors_.push_back(as_stored(*text_, tensor, tensor.name));
    }
}

const gguf_file & model_source::open_projector(const std::string & path) {
    if (path.empty()) {
        refuse(*text_, "this is the text model of a model in two files, and the other file is missing: give the "
                       "projector with --projector or model.projector, or name the model as `ollama:<name>`");
    }
    projector_ = std::make_unique<gguf_file>(path);
    check_architecture(*projector_);
    refuse_unmerged(*projector_);
    if (!has_vision(*projector_) || has_text(*projector_)) {
        throw error(error_code::invalid_option,
                    format("%s is not the projector of a Llama 3.2 Vision model", path.c_str()));
    }
    return *projector_;
}

void model_source::read_ollama(const gguf_file & vision, layout_hints hints) {
    translated_ = std::make_unique<gguf_metadata>(ollama_metadata(*text_, vision));
    tensors_    = ollama_tensors(*text_, vision, hints);
}

} // namespace bllossom
