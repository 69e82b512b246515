#pragma once
// What becomes of a model that does not fit: an error that says how it would.

#include "placement-plan.h"

namespace bllossom {

/** The best placement that fits. Throws error{out_of_memory} with the shortage, and what would fit, when none does. */
placement plan_placement(const machine_memory & machine, const model_needs & needs, const placement_wishes & wishes);

} // namespace bllossom
