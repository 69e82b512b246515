#include "requests.h"

#include "check.h"
#include "temp-dir.h"
#include "tiny-model.h"

#include <cstdio>
#include <random>

namespace tiny {

std::string model_path() {
    static const temp_dir dir;
    static const std::string path = [] {
        write_model(dir.file("tiny.gguf"), {});
        return dir.file("tiny.gguf");
    }();
    return path;
}

engine_options options_for(const std::string & path) {
    engine_options options;
    options.path            = path;
    options.device          = "cpu";
    options.n_threads       = 1; // threads that wait for each other by spinning starve on a busy machine
    options.context.kv_type = cache_type::f32;
    options.context.n_ctx   = 1024;
    return options;
}

engine_options with(const std::function<void(engine_options &)> & change) {
    engine_options options = options_for();
    change(options);
    return options;
}

image_input image_of(const std::string & name, int32_t aspect_ratio_id, int32_t side) {
    std::mt19937 random(uint32_t(std::hash<std::string>{}(name)));
    image_input image;
    image.aspect_ratio_id = aspect_ratio_id;
    image.n_tiles         = aspect_ratio_id == 1 ? 1 : 4;
    image.key             = name;
    image.tiles.resize(size_t(image.n_tiles) * size_t(side * side * 3));
    for (uint8_t & value : image.tiles) {
        value = uint8_t(random());
    }
    return image;
}

std::vector<prompt_part> prompt_of(const std::string & text) {
    std::vector<prompt_part> parts;
    prompt_part part;
    for (const char c : text) {
        if (c == '*') {
            parts.push_back(part);
            parts.push_back({prompt_part::kind::special, "<|image|>", {}});
            part = {};
        } else {
            part.text += c;
        }
    }
    parts.push_back(part);
    return parts;
}

generate_request request_of(const std::string & text, std::vector<image_input> images, int32_t max_tokens) {
    generate_request request;
    request.prompt     = prompt_of(text);
    request.images     = std::move(images);
    request.max_tokens = max_tokens;
    request.ignore_eos = true;
    request.credit     = plenty;
    return request;
}

generate_request long_prompt(size_t n, int32_t max_tokens) {
    return request_of(std::string(n, 'a'), {}, max_tokens);
}

std::vector<generate_request> mixed_requests() {
    return {request_of("a first question without an image"),
            request_of("x*describe", {image_of("p")}),
            request_of("another*one and then*more", {image_of("q", 1), image_of("p")}),
            request_of("*", {image_of("p")}),
            request_of("k**l", {image_of("r", 1), image_of("r", 1)}),
            request_of("short"),
            request_of("the same*image", {image_of("q", 1)}, 40)};
}

loaded::loaded(const engine_options & options, std::function<void(engine &)> on_wake) : client(std::move(on_wake)) {
    const event e = settled(load(options));
    CHECK(e.type == event::kind::loaded);
    if (e.type == event::kind::error) {
        std::fprintf(stderr, "%s\n", e.text.c_str());
    }
}

ids solo(const generate_request & request, const engine_options & options) {
    loaded alone(options);
    const event e = alone.run(request);
    CHECK(e.type == event::kind::done && alone.every_id_settled_once());
    return e.tokens;
}

} // namespace tiny
