#pragma once
// `tileImage` of lib/native/binding.ts: resize and cut an image on libuv's pool.

#include <napi.h>

namespace bllossom {

/**
 * (rgb: Uint8Array, width, height, resized: {width, height}, canvas: {rows, cols, tile}) => Promise<Uint8Array>.
 * Never throws: every bad argument rejects with ERR_INVALID_OPTION.
 */
Napi::Value tile_image(const Napi::CallbackInfo & info);

} // namespace bllossom
