// Makes a model whose weights are random from the header of its file. Headers are small, and can be carried to where
// gigabytes cannot (bench/gpu/carry.mjs makes them with the converter).

#include "commands.h"
#include "error.h"
#include "gguf-file.h"
#include "hparams.h"
#include "model-source.h"
#include "random-weights.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <tuple>

namespace bench {

using namespace bllossom;

namespace {

bool ends_with(const std::string & text, const std::string & end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

struct distribution {
    float mean;
    float deviation;
};

/** As scripts/random-checkpoint has it: logits stay finite, and no branch is switched off. */
distribution distribution_of(const std::string & name) {
    if (name == "rope_freqs.weight") {
        return {1, 0};
    }
    if (ends_with(name, "gate")) {
        return {0, 0.5f};
    }
    if (ends_with(name, "norm.weight") || ends_with(name, "_ln.weight")) {
        return {1, 0.1f};
    }
    return {0, 0.02f};
}

class random_model {
  public:
    explicit random_model(const std::string & path)
        : file_(path), hp_(read_hparams(model_source({path, "", {}}))), out_(path, file_access::update) {
        if (!out_.is_open()) {
            fail();
        }
    }

    /** Returns the bytes of the whole file. */
    uint64_t fill() {
        uint64_t end = 0;
        for (const gguf_tensor & tensor : file_.tensors()) {
            fill(tensor);
            end = std::max(end, tensor.offset + tensor.bytes);
        }
        return end;
    }

  private:
    /** Tables of tiles have a row per aspect ratio; what belongs to tiles that a picture does not have is 0. */
    void fill(const gguf_tensor & tensor) {
        if (tensor.name.find("tile_position_embd.weight") == std::string::npos) {
            fill(tensor, 0, tensor.n_elements());
            return;
        }
        for (size_t i = 0; i < hp_.vision.aspect_ratios.size(); i++) {
            const aspect_ratio & ratio = hp_.vision.aspect_ratios[i];
            fill(tensor, int64_t(i + 1) * tensor.ne[0], tensor.ne[0] / hp_.vision.max_tiles * ratio.rows * ratio.cols);
        }
    }

    void fill(const gguf_tensor & tensor, int64_t first, int64_t n) {
        const weight_pool & pool = pool_of(tensor);
        for (int64_t done = 0; done < n; done += weight_pool::stretch) {
            const int64_t count = std::min(weight_pool::stretch, n - done);
            write(pool.take(tensor.name, done), pool.bytes(count), tensor.offset + pool.bytes(first + done));
        }
    }

    const weight_pool & pool_of(const gguf_tensor & tensor) {
        const distribution d = distribution_of(tensor.name);
        const auto key       = std::make_tuple(tensor.type, d.mean, d.deviation);
        auto found           = pools_.find(key);
        if (found == pools_.end()) {
            found = pools_.emplace(key, weight_pool(tensor.type, d.mean, d.deviation)).first;
        }
        return found->second;
    }

    void write(const uint8_t * bytes, size_t size, uint64_t offset) {
        while (size > 0) {
            const int64_t n = out_.write(bytes, size, offset);
            if (n <= 0) {
                fail();
            }
            bytes += n;
            offset += uint64_t(n);
            size -= size_t(n);
        }
    }

    [[noreturn]] void fail() const {
        throw error(error_code::io, format("cannot write %s: %s", file_.path().c_str(), strerror(errno)));
    }

    gguf_file file_;
    hparams hp_;
    disk_file out_;
    std::map<std::tuple<ggml_type, float, float>, weight_pool> pools_;
};

} // namespace

void run_random_model(const arguments & args) {
    const std::string header = args.word(0, "the header");
    const std::string output = args.word(1, "the output");
    args.check_all_used();

    // A file of zeros behind the header, large enough for any tensors: sparse, so that it takes no room.
    constexpr uint64_t large_enough = uint64_t(1) << 38;
    const std::string unfinished    = output + ".tmp";
    std::filesystem::copy_file(header, unfinished, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(unfinished, large_enough);
    std::filesystem::resize_file(unfinished, random_model(unfinished).fill());
    std::filesystem::rename(unfinished, output);
}

} // namespace bench
