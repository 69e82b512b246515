// The two caches: what they hold, who owns which slots, what stays behind.

#include "check.h"
#include "cross-cache.h"
#include "error.h"
#include "self-cache.h"

#include <algorithm>
#include <optional>
#include <string>

#include <ggml-backend.h>

using namespace bllossom;

namespace {

hparams tiny_hparams() {
    hparams hp;
    hp.text.n_layer      = 3;
    hp.text.n_embd       = 16;
    hp.text.n_head       = 2;
    hp.text.n_head_kv    = 1;
    hp.text.is_cross     = {false, true, false};
    hp.vision.image_size = 28;
    hp.vision.patch_size = 14;
    hp.vision.max_tiles  = 4; // 20 rows
    hp.vision.n_channels = 3;
    return hp;
}

cross_cache make_cross(int32_t n_slots) {
    cross_cache cache(tiny_hparams(), cache_type::f16, n_slots);
    cache.allocate(layer_buffer_types(3, ggml_backend_cpu_buffer_type()));
    return cache;
}

using slots = std::vector<int32_t>;

// --- self cache ----------------------------------------------------------------------------------------------------

std::vector<uint8_t> bytes_of(const ggml_tensor * tensor) {
    std::vector<uint8_t> bytes(ggml_nbytes(tensor));
    ggml_backend_tensor_get(tensor, bytes.data(), 0, bytes.size());
    return bytes;
}

void only_self_layers_have_cells() {
    self_cache cache(tiny_hparams().text, cache_type::f16, 300);
    cache.allocate(layer_buffer_types(3, ggml_backend_cpu_buffer_type()));
    CHECK(cache.n_cells() == 512 && cache.cells().n_free() == 512);
    CHECK(cache.k(0) && !cache.k(1) && cache.v(2) && !cache.v(1));
}

void distrusted_cells_are_zeroed_and_no_others() {
    self_cache cache(tiny_hparams().text, cache_type::f16, 256);
    cache.allocate(layer_buffer_types(3, ggml_backend_cpu_buffer_type()));
    cell_list bad(cache.cells()), good(cache.cells());
    bad.grow(2);
    good.grow(3);
    bad.grow(1);
    ggml_tensor * k = cache.k(2);
    ggml_backend_tensor_memset(k, 0xFF, 0, ggml_nbytes(k)); // NaN
    bad.distrust();
    bad.truncate(0);
    good.truncate(0);
    const auto bytes  = bytes_of(k);
    const size_t row  = k->nb[1];
    const auto filled = [&](size_t cell) {
        return std::count(bytes.begin() + long(cell * row), bytes.begin() + long((cell + 1) * row), 0xFF) == long(row);
    };
    CHECK(!filled(0) && !filled(1) && filled(2) && filled(3) && filled(4) && !filled(5) && filled(6) && filled(255));
}

void impossible_sizes_are_refused() {
    for (const int64_t n_cells : {int64_t(1) << 31, int64_t(1) << 40}) {
        try {
            self_cache(tiny_hparams().text, cache_type::f16, n_cells)
                .allocate(layer_buffer_types(3, ggml_backend_cpu_buffer_type()));
            CHECK(false);
        } catch (const error & e) {
            CHECK(e.code() == error_code::out_of_memory &&
                  std::string(e.what()).find("contextSize") != std::string::npos);
        }
    }
    try {
        make_cross(INT32_MAX);
        CHECK(false);
    } catch (const error & e) {
        CHECK(e.code() == error_code::out_of_memory && std::string(e.what()).find("maxImages") != std::string::npos);
    }
}

// --- cross cache ---------------------------------------------------------------------------------------------------

slots acquire(cross_cache & cache, const std::vector<std::string> & keys) {
    const auto found = cache.acquire(keys);
    CHECK(found.has_value());
    return found.value_or(slots(keys.size(), 0));
}

/** Uses images once: encodes what is missing, and lets go. Returns how many were missing. */
int use(cross_cache & cache, const std::vector<std::string> & keys) {
    int n_missing = 0;
    for (const int32_t slot : acquire(cache, keys)) {
        n_missing += !cache.is_ready(slot);
        cache.commit(slot);
        cache.release(slot);
    }
    return n_missing;
}

void images_are_found_again() {
    cross_cache cache = make_cross(3);
    CHECK(cache.n_slots() == 3 && cache.slot_cells() == 256 && cache.first_cell(2) == 512);
    CHECK(cache.k(1) && !cache.k(0));
    CHECK(use(cache, {"a", "b"}) == 2);
    CHECK(use(cache, {"b", "a"}) == 0);
    CHECK(use(cache, {"c"}) == 1 && use(cache, {"a"}) == 0 && use(cache, {"b"}) == 0 && use(cache, {"c"}) == 0);
}

void the_longest_unused_image_makes_room() {
    cross_cache cache = make_cross(3);
    use(cache, {"a"});
    use(cache, {"b"});
    use(cache, {"c"});
    use(cache, {"a"});
    CHECK(use(cache, {"d"}) == 1); // in place of b
    CHECK(use(cache, {"a"}) == 0 && use(cache, {"c"}) == 0 && use(cache, {"d"}) == 0);
    CHECK(use(cache, {"b"}) == 1); // in place of a
    CHECK(use(cache, {"c"}) == 0 && use(cache, {"d"}) == 0 && use(cache, {"a"}) == 1);
}

void images_in_use_stay() {
    cross_cache cache = make_cross(2);
    const slots held  = acquire(cache, {"a"});
    cache.commit(held[0]);
    CHECK(use(cache, {"b"}) == 1 && use(cache, {"c"}) == 1 && use(cache, {"d"}) == 1);
    CHECK(!cache.acquire({"x", "y"}).has_value()); // room for one
    CHECK(use(cache, {"d"}) == 0);                 // the refused request drove nothing out
    CHECK(use(cache, {"a"}) == 0);
    cache.clear_unused();
    CHECK(use(cache, {"a"}) == 0 && use(cache, {"d"}) == 1);
    cache.release(held[0]);
    CHECK(use(cache, {"a"}) == 0); // still here
    cache.clear_unused();
    CHECK(use(cache, {"a"}) == 1);
}

void making_room_spares_the_images_of_the_same_request() {
    cross_cache cache = make_cross(2);
    use(cache, {"old"});
    use(cache, {"new"});
    CHECK(use(cache, {"x", "old"}) == 1); // x replaces "new", although "old" was unused for longer
}

void requests_share_an_image_that_is_still_to_be_encoded() {
    cross_cache cache  = make_cross(2);
    const slots first  = acquire(cache, {"a"});
    const slots second = acquire(cache, {"a"});
    CHECK(first == second && !cache.is_ready(first[0]));
    cache.release(first[0]); // cancelled before it was encoded: the other one has to do it
    CHECK(!cache.is_ready(second[0]));
    CHECK(acquire(cache, {"b"}) != second);
    cache.commit(second[0]);
    CHECK(cache.is_ready(second[0]) && acquire(cache, {"a"}) == second);
}

void equal_images_of_one_request_have_slots_of_their_own() {
    cross_cache cache = make_cross(4);
    for (int round = 0; round < 3; round++) { // not only when nothing is cached
        const slots taken = acquire(cache, {"x", "x", "y"});
        CHECK(taken[0] != taken[1] && taken[0] != taken[2] && taken[1] != taken[2]);
        for (const int32_t slot : taken) {
            CHECK(cache.is_ready(slot) == (round > 0));
            cache.commit(slot);
            cache.release(slot);
        }
    }
    CHECK(!cache.acquire({"x", "x", "x", "x", "x"}).has_value());
}

void what_was_not_written_or_not_trusted_is_forgotten_and_zeroed() {
    cross_cache cache  = make_cross(1);
    ggml_tensor * v    = cache.v(1);
    const auto is_zero = [&] {
        const auto bytes = bytes_of(v);
        return std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; });
    };
    const auto fill = [&] { ggml_backend_tensor_memset(v, 0xFF, 0, ggml_nbytes(v)); };

    const slots broken_off = acquire(cache, {"a"});
    fill();
    cache.release(broken_off[0]);
    CHECK(is_zero() && use(cache, {"a"}) == 1);

    const slots one = acquire(cache, {"a"}), two = acquire(cache, {"a"});
    fill();
    cache.distrust(one[0]);
    cache.release(one[0]);
    CHECK(!is_zero()); // somebody still reads it
    CHECK(!cache.acquire({"a"}).has_value());
    cache.release(two[0]);
    CHECK(is_zero() && use(cache, {"a"}) == 1);

    for (int i = 0; i < 2; i++) { // an image without a key is never found
        const slots keyless = acquire(cache, {""});
        CHECK(!cache.is_ready(keyless[0]));
        cache.release(keyless[0]);
    }
}

} // namespace

int main() {
    only_self_layers_have_cells();
    distrusted_cells_are_zeroed_and_no_others();
    impossible_sizes_are_refused();
    images_are_found_again();
    the_longest_unused_image_makes_room();
    images_in_use_stay();
    making_room_spares_the_images_of_the_same_request();
    requests_share_an_image_that_is_still_to_be_encoded();
    equal_images_of_one_request_have_slots_of_their_own();
    what_was_not_written_or_not_trusted_is_forgotten_and_zeroed();
    return check::summary();
}
