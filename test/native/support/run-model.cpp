#include "support/run-model.h"

#include "engine.h"

#include <condition_variable>
#include <mutex>

using namespace bllossom;

namespace tiny {

namespace {

constexpr int32_t n_new_tokens = 3;

/** An engine whose events can be waited for. */
class session {
  public:
    session()
        : engine_([this] {
              const std::lock_guard<std::mutex> lock(mutex_);
              woken_ = true;
              wake_.notify_one();
          }) {}

    engine & get() { return engine_; }

    /** The event that settles the id. Throws `error` when it is one. */
    event settled(uint32_t id) {
        while (true) {
            {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, [&] { return woken_; });
                woken_ = false;
            }
            for (event & e : engine_.drain()) {
                if (e.id != id || !e.is_final()) {
                    continue;
                }
                if (e.type == event::kind::error) {
                    throw error(e.code, e.text);
                }
                return std::move(e);
            }
        }
    }

  private:
    std::mutex mutex_;
    std::condition_variable wake_;
    bool woken_ = false;
    engine engine_; // last: its thread ends before the others go
};

prompt_part text(const char * value) {
    return {prompt_part::kind::text, value, {}};
}

/** A gradient over every tile of the model's last, usually largest, canvas. */
image_input make_image(const vision_hparams & hp) {
    const aspect_ratio ratio = hp.aspect_ratios.back();
    image_input image;
    image.n_tiles         = ratio.rows * ratio.cols;
    image.aspect_ratio_id = int32_t(hp.aspect_ratios.size());
    image.key             = "gradient";
    image.tiles.resize(size_t(image.n_tiles) * size_t(hp.image_size) * size_t(hp.image_size) * size_t(hp.n_channels));
    for (size_t i = 0; i < image.tiles.size(); i++) {
        image.tiles[i] = uint8_t(i * 7);
    }
    return image;
}

generate_request greedy(std::vector<prompt_part> prompt) {
    generate_request request;
    request.prompt               = std::move(prompt);
    request.max_tokens           = n_new_tokens;
    request.sampling.temperature = 0;
    request.ignore_eos           = true;
    request.credit               = n_new_tokens + 1;
    return request;
}

} // namespace

context_options small_context() {
    context_options context;
    context.n_ctx    = 64;
    context.n_batch  = 16;
    context.n_images = 1;
    return context;
}

void run_model(const std::string & path, const context_options & context) {
    engine_options options;
    options.path      = path;
    options.device    = "cpu";
    options.n_threads = 1;
    options.n_seq_max = 2;
    options.context   = context;

    session s;
    s.get().load(1, options);
    const hparams hp = s.settled(1).info->hp;

    const prompt_part image{prompt_part::kind::tokens, "", {hp.image_token_id}};
    generate_request with_image = greedy({text("The picture "), image, text(" shows \xed\x95\x9c\xea\xb5\xad:\n")});
    with_image.images.push_back(make_image(hp.vision));
    s.get().generate(2, std::move(with_image));
    s.settled(2);

    s.get().generate(3, greedy({text("Hello, the world")}));
    s.settled(3);
}

} // namespace tiny
