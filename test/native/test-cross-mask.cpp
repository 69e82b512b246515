// Which rows see which images. The worked ranges are what transformers' processor computes for these prompts.

#include "attention-mask.h"
#include "check.h"
#include "cross-mask.h"

#include <string>

using namespace bllossom;

namespace {

constexpr int32_t image_token = 100;

/** "B a I": I is an image token, everything else text. */
std::vector<int32_t> tokens_of(const std::string & text) {
    std::vector<int32_t> tokens;
    for (const char c : text) {
        if (c != ' ') {
            tokens.push_back(c == 'I' ? image_token : int32_t(c));
        }
    }
    return tokens;
}

/** The images that each token sees, "-" for none: "-,0,01". */
std::string seen(const std::string & text) {
    const auto tokens = tokens_of(text);
    const auto ranges = image_ranges(tokens, image_token);
    std::string result;
    for (int32_t pos = 0; pos < int32_t(tokens.size()); pos++) {
        std::string images;
        for (size_t j = 0; j < ranges.size(); j++) {
            images += pos >= ranges[j].begin && pos < ranges[j].end ? std::to_string(j) : "";
        }
        result += (pos ? "," : "") + (images.empty() ? "-" : images);
    }
    return result;
}

void ranges_are_the_reference_processors() {
    CHECK(seen("B a I b c") == "-,-,0,0,0");
    CHECK(seen("I B a") == "0,0,0");
    CHECK(seen("B I I a b") == "-,0,01,01,01");
    CHECK(seen("B I a I b c") == "-,0,0,1,1,1");
    CHECK(seen("B I I a I b") == "-,0,01,01,2,2");
    CHECK(seen("B I a I") == "-,0,0,1");
    CHECK(seen("B I I I a I I b") == "-,0,01,012,012,3,34,34");
    CHECK(seen("B a") == "-,-" && seen("") == "" && seen("I") == "0" && seen("I I") == "0,01");
}

void generated_tokens_continue_the_last_range() {
    const auto ranges = image_ranges(tokens_of("B I a I I b"), image_token);
    CHECK(ranges.size() == 3 && ranges[0].end == 3);
    CHECK(ranges[1].end == range_open_end && ranges[2].end == range_open_end);
}

std::vector<cross_image> two_images() {
    // cells: [0, 8) another sequence's, [8, 16) image 1, [16, 24) image 0; 2 of 6 and 5 of 6 cells are of real tiles
    return {{{2, 5}, 16, 2, 6}, {{5, range_open_end}, 8, 5, 6}};
}

void flags_follow_the_row_mode() {
    const auto images = two_images();
    for (const row_mode mode : {row_mode::hf, row_mode::meta}) {
        const cross_row none = resolve_cross_row(9, {}, mode);
        CHECK(!none.attends && !none.mlp);
        for (const int32_t pos : {2, 4, 5, 1000000}) {
            const cross_row row = resolve_cross_row(pos, images, mode);
            CHECK(row.attends && row.mlp);
        }
        const cross_row before = resolve_cross_row(1, images, mode);
        CHECK(before.attends == (mode == row_mode::hf) && !before.mlp);
    }
}

/** The mask over the cells [8, 24), "#" where the row attends. */
std::string mask_of(int32_t pos, const std::vector<cross_image> & images, row_mode mode) {
    std::vector<uint16_t> bits(18, 0x1234);
    fill_cross_mask_row(bits.data() + 1, 8, 16, pos, images, mode);
    CHECK(bits.front() == 0x1234 && bits.back() == 0x1234); // nothing outside the row
    std::string text;
    for (size_t i = 1; i + 1 < bits.size(); i++) {
        CHECK(bits[i] == mask_attend || bits[i] == mask_hide);
        text += bits[i] == mask_attend ? '#' : '.';
    }
    return text;
}

void masks_show_real_tiles_of_seen_images() {
    const auto images = two_images();
    for (const row_mode mode : {row_mode::hf, row_mode::meta}) {
        CHECK(mask_of(2, images, mode) == "........##......");
        CHECK(mask_of(5, images, mode) == "#####...........");
        CHECK(mask_of(0, {}, mode) == "#..............."); // finite: its result is multiplied by 0
    }
    // before the first image: every tile of every image, padding tiles too, but not the cells that pad a slot
    CHECK(mask_of(1, images, row_mode::hf) == "######..######..");
    CHECK(mask_of(1, images, row_mode::meta) == "#...............");

    auto run     = images;
    run[0].range = {2, range_open_end};
    CHECK(mask_of(7, run, row_mode::hf) == "#####...##......");
}

void mask_values_are_f16_bits() {
    CHECK(mask_attend == 0x0000); // 0
    CHECK(mask_hide == 0xFC00);   // sign, exponent all ones, no mantissa: -infinity
}

} // namespace

int main() {
    ranges_are_the_reference_processors();
    generated_tokens_continue_the_last_range();
    flags_follow_the_row_mode();
    masks_show_real_tiles_of_seen_images();
    mask_values_are_f16_bits();
    return check::summary();
}
