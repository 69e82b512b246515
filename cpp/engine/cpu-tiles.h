#pragma once

namespace bllossom {

/**
 * Whether this process may multiply tiles of BF16 (AMX), and has AVX-512 with BF16 beside them. Linux gives the state
 * of the tiles to a process that asks for it, which happens here, once.
 */
bool has_bf16_tiles();

} // namespace bllossom
