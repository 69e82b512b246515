#pragma once
// Images that callers keep: encoded before anybody asks about them, and held in their slots until they are let go.

#include "context.h"
#include "event.h"
#include "request.h"

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

namespace bllossom {

/** waiting for a slot (-1) -> being encoded -> kept, when its command is settled */
struct image_pin {
    uint32_t id;
    image_input image; // without tiles once it is kept
    cancel_flag cancelled;
    int32_t slot = -1;
    bool is_kept = false;
};

class image_pins {
  public:
    using emit_function = std::function<void(event &&)>;

    image_pins(context & c, emit_function emit);

    /** Takes in a checked image; an event of kind encoded or error tells what became of it. */
    void add(uint32_t id, image_input && image, cancel_flag cancelled);

    /** Lets go of a kept image; does nothing when there is none of this id. */
    void release(uint32_t id);

    bool is_empty() const { return pins_.empty(); }

    /** The one that has waited longest; null when all are kept. */
    image_pin * next();

    /** Whether one with a lower id waits for a slot. */
    bool is_waiting_before(uint32_t id) const;

    /** Gives a pin its slot and encodes its image into it. Returns false when it has to wait for a slot. */
    bool work_on(image_pin & pin);

    void settle_cancelled();

    /** Settles those that are not kept yet with this error. */
    void fail_all(const error & cause);

    /** Lets go of a slot whose values are not trusted: what is not kept yet will be encoded into another one. */
    void distrust(int32_t slot);

    /** Why images with these keys cannot have slots as long as the pins have theirs; nullopt when they can. */
    std::optional<error> refusal(std::vector<std::string> keys) const;

  private:
    void keep(image_pin & pin, float encode_time);
    void fail(const image_pin & pin, const error & cause);
    void erase(uint32_t id);

    context & context_;
    emit_function emit_;
    std::list<image_pin> pins_; // in the order of arrival
};

} // namespace bllossom
