#include "tile-image.h"

#include "image-resize.h"
#include "promise-worker.h"
#include "read-value.h"
#include "write-array.h"

namespace bllossom {
namespace {

constexpr int32_t max_side         = 65535; // of the source
constexpr int32_t max_tiles        = 64;
constexpr int32_t max_tile         = 4096;
constexpr int64_t max_canvas_bytes = int64_t(256) << 20;
constexpr int64_t max_pass_bytes   = int64_t(1) << 30; // the image between the two passes of the resize

struct tile_request {
    int32_t width          = 0;
    int32_t height         = 0;
    int32_t resized_width  = 0;
    int32_t resized_height = 0;
    int32_t rows           = 0;
    int32_t cols           = 0;
    int32_t tile           = 0;
};

int32_t read_side(const Napi::Value & value, const char * name, int32_t max) {
    return int32_t(read_integer_in(value, std::string("tileImage: ") + name, 1, max));
}

void check(const tile_request & r, size_t n_bytes) {
    if (int64_t(n_bytes) != int64_t(r.width) * r.height * 3) {
        refuse(format("tileImage: %d x %d pixels need %lld bytes of rgb but received %zu", r.width, r.height,
                      (long long) r.width * r.height * 3, n_bytes));
    }
    if (r.rows * r.cols > max_tiles) {
        refuse(format("tileImage: the canvas has %d x %d tiles; the limit is %d", r.rows, r.cols, max_tiles));
    }
    if (int64_t(r.rows) * r.cols * r.tile * r.tile * 3 > max_canvas_bytes) {
        refuse(format("tileImage: %d x %d tiles of %d pixels need more than %lld bytes", r.rows, r.cols, r.tile,
                      (long long) max_canvas_bytes));
    }
    if (r.resized_width > r.cols * r.tile || r.resized_height > r.rows * r.tile) {
        refuse(format("tileImage: %d x %d pixels do not fit a canvas of %d x %d", r.resized_width, r.resized_height,
                      r.cols * r.tile, r.rows * r.tile));
    }
    if (int64_t(r.resized_width) * r.height * 3 > max_pass_bytes) {
        refuse(format("tileImage: widening %d x %d to %d x %d needs more than %lld bytes", r.width, r.height,
                      r.resized_width, r.resized_height, (long long) max_pass_bytes));
    }
}

tile_request read_request(const Napi::CallbackInfo & info) {
    const Napi::Object resized = read_object(info[3], "tileImage: resized");
    const Napi::Object canvas  = read_object(info[4], "tileImage: canvas");

    tile_request r;
    r.width          = read_side(info[1], "width", max_side);
    r.height         = read_side(info[2], "height", max_side);
    r.resized_width  = read_side(resized.Get("width"), "resized.width", max_tiles * max_tile);
    r.resized_height = read_side(resized.Get("height"), "resized.height", max_tiles * max_tile);
    r.rows           = read_side(canvas.Get("rows"), "canvas.rows", max_tiles);
    r.cols           = read_side(canvas.Get("cols"), "canvas.cols", max_tiles);
    r.tile           = read_side(canvas.Get("tile"), "canvas.tile", max_tile);
    return r;
}

/**
 * The one place where the bytes are not copied before the call returns: 64 megapixels are 192 MB, whose copy would hold
 * the event loop for a tenth of a second. The array is kept alive instead; lib/image/prepare.ts, the only caller, has
 * just made it and gives it to nobody else.
 */
Napi::Promise start(Napi::Env env, const tile_request & request, Napi::Uint8Array rgb) {
    const uint8_t * pixels = rgb.Data();
    const auto owner       = std::make_shared<Napi::Reference<Napi::Uint8Array>>(Napi::Persistent(rgb));
    const auto tiles       = std::make_shared<std::vector<uint8_t>>();
    return promise_worker::start(
        env,
        [=] {
            const tile_request & r = request;
            const image_u8 image   = resize_bilinear(pixels, r.width, r.height, r.resized_width, r.resized_height);
            *tiles                 = split_tiles(image, r.rows, r.cols, r.tile);
        },
        [tiles](Napi::Env e) { return write_array<Napi::Uint8Array>(e, *tiles); }, [owner] { owner->Reset(); });
}

} // namespace

Napi::Value tile_image(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    try {
        // The numbers first: a getter among them could detach rgb between its check and its use.
        const tile_request request = read_request(info);
        const Napi::Uint8Array rgb = read_uint8_array(info[0], "tileImage: rgb");
        check(request, rgb.ByteLength());
        return start(env, request, rgb);
    } catch (const std::exception & e) {
        return rejected(env, e);
    }
}

} // namespace bllossom
