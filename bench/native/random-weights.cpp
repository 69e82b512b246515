#include "random-weights.h"

#include "quantize.h"

#include <functional>
#include <random>
#include <thread>

namespace bench {

namespace {

constexpr int64_t n_pool  = 1 << 20; // elements to begin at
constexpr int64_t n_block = 256;     // no type has larger blocks

/** FNV-1a: the same on every machine. */
uint32_t hash(const std::string & text) {
    uint32_t value = 0x811c9dc5;
    for (const char c : text) {
        value = (value ^ uint8_t(c)) * 0x01000193;
    }
    return value;
}

} // namespace

weight_pool::weight_pool(ggml_type type, float mean, float deviation) : type_(type) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal(mean, deviation);
    std::vector<float> values(size_t(n_pool + stretch));
    for (float & value : values) {
        value = normal(random);
    }
    const auto n_blocks = int64_t(values.size()) / n_block;
    stored_.resize(bytes(int64_t(values.size())));
    bllossom::convert_rows(reinterpret_cast<const uint8_t *>(values.data()), bllossom::source_type::f32, n_blocks,
                           n_block, type, stored_.data(), int(std::max(1u, std::thread::hardware_concurrency())));
}

const uint8_t * weight_pool::take(const std::string & tensor, int64_t first) const {
    std::mt19937 random(hash(tensor) + uint32_t(first / stretch));
    return stored_.data() + bytes(int64_t(random() % (n_pool / n_block)) * n_block);
}

} // namespace bench
