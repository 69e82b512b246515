#include "image-input.h"

#include "error.h"

#include <array>

namespace bllossom {

void check_image(const image_input & image, const vision_hparams & hp) {
    const int32_t n_ratios = int32_t(hp.aspect_ratios.size());
    if (image.aspect_ratio_id < 1 || image.aspect_ratio_id > n_ratios) {
        throw error(error_code::invalid_option, format("aspect ratio id %d is unknown: the model has ids 1 to %d",
                                                       image.aspect_ratio_id, n_ratios));
    }
    const aspect_ratio & ratio = hp.aspect_ratios[size_t(image.aspect_ratio_id - 1)];
    const int32_t n_tiles      = ratio.rows * ratio.cols;
    if (image.n_tiles != n_tiles) {
        throw error(error_code::invalid_option, format("the image has %d tiles, but aspect ratio id %d means %d",
                                                       image.n_tiles, image.aspect_ratio_id, n_tiles));
    }
    const size_t n_bytes = size_t(n_tiles) * size_t(hp.image_size) * size_t(hp.image_size) * size_t(hp.n_channels);
    if (image.tiles.size() != n_bytes) {
        throw error(error_code::invalid_option,
                    format("the image has %zu bytes, but %d tiles of %d x %d pixels need %zu", image.tiles.size(),
                           n_tiles, hp.image_size, hp.image_size, n_bytes));
    }
    if (image.key.empty()) {
        throw error(error_code::invalid_option, "the image has no content key");
    }
}

/** (value * rescale - mean) / std for every byte value and channel, in the float32 steps of the reference processor. */
static std::vector<std::array<float, 256>> normalisation_table(const vision_hparams & hp) {
    std::vector<std::array<float, 256>> table(size_t(hp.n_channels));
    for (size_t channel = 0; channel < table.size(); channel++) {
        for (int value = 0; value < 256; value++) {
            const float rescaled          = float(double(value) * double(hp.rescale_factor));
            table[channel][size_t(value)] = (rescaled - hp.image_mean[channel]) / hp.image_std[channel];
        }
    }
    return table;
}

std::vector<float> unfold_patches(const image_input & image, const vision_hparams & hp) {
    const auto table     = normalisation_table(hp);
    const int64_t side   = hp.image_size;
    const int64_t patch  = hp.patch_size;
    const int64_t n_side = hp.n_patches_side();
    const int64_t n_ch   = hp.n_channels;

    std::vector<float> patches(size_t(image.n_tiles * hp.n_patches() * hp.patch_elements()));
    float * out = patches.data();
    for (int64_t tile = 0; tile < image.n_tiles; tile++) {
        const uint8_t * pixels = image.tiles.data() + tile * side * side * n_ch;
        for (int64_t py = 0; py < n_side; py++) {
            for (int64_t px = 0; px < n_side; px++) {
                for (int64_t channel = 0; channel < n_ch; channel++) {
                    for (int64_t ky = 0; ky < patch; ky++) {
                        const uint8_t * row = pixels + ((py * patch + ky) * side + px * patch) * n_ch + channel;
                        for (int64_t kx = 0; kx < patch; kx++) {
                            *out++ = table[size_t(channel)][row[kx * n_ch]];
                        }
                    }
                }
            }
        }
    }
    return patches;
}

} // namespace bllossom
