#include "golden-cases.h"

namespace bench {

using namespace bllossom;

namespace {

std::vector<float> read_floats(const gguf_file & file, const std::string & name) {
    const gguf_tensor * tensor = file.find_tensor(name);
    if (tensor == nullptr || tensor->type != GGML_TYPE_F32) {
        file.fail("there is no F32 tensor " + name);
    }
    std::vector<float> values(size_t(tensor->n_elements()));
    file.read(tensor->offset, values.data(), tensor->bytes);
    return values;
}

golden_image read_image(const gguf_file & file, const std::string & name) {
    const std::string at = "image." + name + ".";
    golden_image image;
    image.name                  = name;
    image.features              = read_floats(file, at + "features");
    image.states                = read_floats(file, at + "states");
    image.input.key             = name;
    image.input.n_tiles         = int32_t(file.get_u32(at + "tiles"));
    image.input.aspect_ratio_id = int32_t(file.get_u32(at + "aspect_ratio_id"));
    for (const float value : read_floats(file, at + "pixels")) {
        image.input.tiles.push_back(uint8_t(value));
    }
    return image;
}

golden_case read_case(const gguf_file & file, const std::string & name) {
    const std::string at = "case." + name + ".";
    golden_case c;
    c.name          = name;
    c.row_mode      = file.get_str(at + "row_mode");
    c.tokens        = file.get_i32_array(at + "tokens");
    c.greedy        = file.get_i32_array(at + "greedy");
    c.logits        = read_floats(file, at + "logits");
    c.decode_logits = read_floats(file, at + "decode_logits");
    if (file.find(at + "images") != nullptr) { // no array is empty
        for (const int32_t image : file.get_i32_array(at + "images")) {
            c.images.push_back(size_t(image));
        }
    }
    return c;
}

} // namespace

golden_cases::golden_cases(const std::string & path) {
    const gguf_file file(path);
    name = file.get_str("general.name");
    for (const auto image : file.get_str_array("goldens.images")) {
        images.push_back(read_image(file, std::string(image)));
    }
    for (const auto c : file.get_str_array("goldens.cases")) {
        cases.push_back(read_case(file, std::string(c)));
    }
    for (const golden_case & c : cases) {
        for (const size_t image : c.images) {
            if (image >= images.size()) {
                file.fail("case " + c.name + " shows an image that is not there");
            }
        }
    }
}

} // namespace bench
