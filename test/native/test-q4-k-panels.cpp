// What ggml's CPU backend makes of Q4_K, to the last bit. A CPU for which it has another arrangement has nothing to
// show.

#include "backend.h"
#include "byte-kernels.h"
#include "check.h"
#include "q4-k-panels.h"
#include "support/rearranged-weight.h"

#include <cstring>

using namespace bllossom;

int main() {
    const backend_set backends("cpu", 1);
    ggml_backend_buffer_type_t room = rearranging_buffer_type(backends, "CPU_REPACK");
    if (room == nullptr || find_byte_kernels(backends.cpu()) == nullptr) {
        printf("no panels of Q4_K on this CPU\n");
        return check::summary();
    }
    for (const int64_t n_in : {256, 512, 1280}) {
        for (const int64_t n_out : {8, 24, 64}) {
            rearranged_weight weight(room, GGML_TYPE_Q4_K, n_in, n_out);
            for (char & byte : weight.bytes) {
                byte = char(random_number()); // every bit of every field
            }
            weight.store();
            std::vector<char> panels(weight.bytes.size());
            arrange_q4_k_panels(weight.bytes.data(), n_in, n_out, panels.data());
            CHECK(std::memcmp(panels.data(), weight.tensor->data, panels.size()) == 0);
        }
    }
    return check::summary();
}
