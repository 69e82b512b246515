#include "image-pins.h"

#include "error.h"

#include <algorithm>
#include <chrono>
#include <set>

namespace bllossom {

image_pins::image_pins(context & c, emit_function emit) : context_(c), emit_(std::move(emit)) {}

void image_pins::add(uint32_t id, image_input && image, cancel_flag cancelled) {
    pins_.push_back({id, std::move(image), std::move(cancelled)});
}

void image_pins::release(uint32_t id) {
    const auto found =
        std::find_if(pins_.begin(), pins_.end(), [&](const image_pin & pin) { return pin.id == id && pin.is_kept; });
    if (found != pins_.end()) {
        erase(id);
    }
}

image_pin * image_pins::next() {
    const auto found = std::find_if(pins_.begin(), pins_.end(), [](const image_pin & pin) { return !pin.is_kept; });
    return found == pins_.end() ? nullptr : &*found;
}

bool image_pins::is_waiting_before(uint32_t id) const {
    return std::any_of(pins_.begin(), pins_.end(), [&](const image_pin & pin) { return pin.slot < 0 && pin.id < id; });
}

bool image_pins::work_on(image_pin & pin) {
    try {
        cross_cache & cache = context_.cross();
        if (pin.slot < 0) {
            if (const auto cause = refusal({pin.image.key})) {
                throw *cause;
            }
            const auto slots = cache.acquire({pin.image.key});
            if (!slots) {
                return false;
            }
            pin.slot = slots->front();
        }
        float encode_time = 0;
        if (!cache.is_ready(pin.slot)) {
            const auto started = std::chrono::steady_clock::now();
            if (!context_.encode(pin.image, pin.slot)) {
                return true; // cancelled: the next step settles it
            }
            cache.commit(pin.slot);
            encode_time = std::chrono::duration<float>(std::chrono::steady_clock::now() - started).count();
        }
        if (!*pin.cancelled) { // not every device ends an aborted graph early
            keep(pin, encode_time);
        }
    } catch (const error & e) {
        fail(pin, e);
    }
    return true;
}

void image_pins::settle_cancelled() {
    for (auto pin = pins_.begin(); pin != pins_.end();) {
        const image_pin & current = *pin++; // failing takes it out of the list
        if (!current.is_kept && *current.cancelled) {
            fail(current, error(error_code::cancelled, "encoding the image was cancelled"));
        }
    }
}

void image_pins::fail_all(const error & cause) {
    while (const image_pin * pin = next()) {
        fail(*pin, cause);
    }
}

void image_pins::distrust(int32_t slot) {
    for (auto pin = pins_.begin(); pin != pins_.end();) {
        image_pin & current = *pin++;
        if (current.slot != slot) {
            continue;
        }
        if (current.is_kept) {
            erase(current.id);
        } else {
            context_.cross().release(slot);
            current.slot = -1;
        }
    }
}

std::optional<error> image_pins::refusal(std::vector<std::string> keys) const {
    std::set<int32_t> held;
    const size_t n_images = keys.size();
    for (const image_pin & pin : pins_) {
        if (pin.slot >= 0 && held.insert(pin.slot).second) {
            const auto own = std::find(keys.begin(), keys.end(), pin.image.key);
            if (own != keys.end()) {
                keys.erase(own); // this one would be shared
            }
        }
    }
    const int32_t n_slots = context_.cross().n_slots();
    if (int64_t(keys.size()) <= n_slots - int64_t(held.size())) {
        return std::nullopt;
    }
    return error(error_code::context_full,
                 format("no room for %zu of %zu images: encodeImage keeps %zu of the %d that maxImages allows; release "
                        "some of them or raise maxImages",
                        keys.size(), n_images, held.size(), n_slots));
}

void image_pins::keep(image_pin & pin, float encode_time) {
    pin.is_kept     = true;
    pin.image.tiles = {};
    event e{};
    e.type  = event::kind::encoded;
    e.id    = pin.id;
    e.value = encode_time;
    emit_(std::move(e));
}

void image_pins::fail(const image_pin & pin, const error & cause) {
    event e{};
    e.type     = event::kind::error;
    e.id       = pin.id;
    e.code     = cause.code();
    e.text     = cause.what();
    e.shortage = cause.shortage();
    erase(pin.id);
    emit_(std::move(e));
}

/** The slot stays, to be found again, for as long as nobody needs the room. */
void image_pins::erase(uint32_t id) {
    const auto found = std::find_if(pins_.begin(), pins_.end(), [&](const image_pin & pin) { return pin.id == id; });
    if (found->slot >= 0) {
        context_.cross().release(found->slot);
    }
    pins_.erase(found);
}

} // namespace bllossom
