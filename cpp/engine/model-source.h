#pragma once
// A model on disk, whoever wrote it, seen as our schema (docs/gguf.md): one file of ours, or Ollama's one or two.

#include "gguf-file.h"
#include "source-tensor.h"

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bllossom {

/** What cannot always be seen in a file of Ollama; ignored for files of ours. See ollama-layout.h for "automatic". */
struct layout_hints {
    enum class gate_form { automatic, raw, activated };
    enum class head_order { automatic, paired, halves };

    gate_form gates  = gate_form::automatic;  // of the global layers of the vision tower: tanh already applied or not
    head_order heads = head_order::automatic; // of the rows of cross-attention queries and keys
};

struct model_files {
    std::string path;
    std::string projector_path; // of a text model in a file of its own; else empty
    layout_hints hints;
};

class model_source {
  public:
    /**
     * Opens and recognises the file, or the pair of a text model and its projector. Throws what gguf_file throws;
     * error{model_unsupported} for another architecture, a layout that is not supported and for half of a pair;
     * error{invalid_option} for a projector that does not belong to the model; error{model_format}.
     */
    explicit model_source(const model_files & files);

    /** The keys of our schema; the values are not checked yet. */
    const gguf_metadata & metadata() const { return translated_ ? *translated_ : *text_; }

    const std::vector<source_tensor> & tensors() const { return tensors_; }

    /** By the name in our schema; null when there is none. */
    const source_tensor * find_tensor(std::string_view name) const;

  private:
    void read_own();
    void read_ollama(const gguf_file & vision, layout_hints hints);
    const gguf_file & open_projector(const std::string & path);

    std::unique_ptr<gguf_file> text_;
    std::unique_ptr<gguf_file> projector_;      // of the pair
    std::unique_ptr<gguf_metadata> translated_; // of foreign files
    std::vector<source_tensor> tensors_;
    std::unordered_map<std::string_view, size_t> index_;
};

} // namespace bllossom
