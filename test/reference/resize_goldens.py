"""Makes test/fixtures/resize/goldens.txt: what Pillow's bilinear resize gives on noise, for many pairs of sizes.

The noise is a hash of the byte index, which test/native/test-image-resize.cpp computes as well, so that a line needs
no pixels: `src_width src_height dst_width dst_height seed crc32`.

Usage: python resize_goldens.py OUTPUT [EXTRA_RANDOM_LINES]
"""

import random
import sys
import zlib

import numpy as np
import PIL
from PIL import Image

SIZES = [
    # unchanged, one pass only, both
    (7, 5, 7, 5), (7, 5, 3, 5), (7, 5, 7, 3), (7, 5, 3, 2), (7, 5, 19, 13), (7, 5, 19, 2), (7, 5, 2, 13),
    # sides of one pixel
    (1, 1, 1, 1), (1, 1, 560, 560), (1, 9, 1, 3), (9, 1, 3, 1), (1, 300, 1, 2240), (5000, 1, 2240, 1), (300, 200, 1, 1),
    (1, 3000, 1, 2240), (3000, 1, 1, 1), (65535, 1, 2240, 1), (1, 65535, 1, 2240), (2, 1, 560, 280), (1, 2, 280, 560),
    # reductions by whole and odd factors, and by almost nothing
    (64, 64, 32, 32), (99, 99, 33, 33), (100, 100, 33, 67), (561, 560, 560, 559), (1121, 1120, 1119, 1118), (641, 479, 560, 418),
    # what the preprocessor asks for
    (50, 45, 560, 503), (50, 100, 280, 560), (400, 300, 560, 420), (1920, 1080, 1120, 630), (500, 3000, 373, 2240), (2300, 600, 2146, 560),
]


def noise(n: int, seed: int) -> np.ndarray:
    x = np.arange(n, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(seed)
    x ^= x >> np.uint32(15)
    x *= np.uint32(2246822519)
    x ^= x >> np.uint32(13)
    return (x >> np.uint32(8)).astype(np.uint8)


def line(src_w: int, src_h: int, dst_w: int, dst_h: int, seed: int) -> str:
    image = Image.fromarray(noise(src_w * src_h * 3, seed).reshape(src_h, src_w, 3))
    resized = image.resize((dst_w, dst_h), Image.Resampling.BILINEAR)
    return f"{src_w} {src_h} {dst_w} {dst_h} {seed} {zlib.crc32(resized.tobytes()):08x}"


def main() -> None:
    extra = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    rng = random.Random(20)
    sizes = SIZES + [tuple(int(2 ** rng.uniform(0, 9.2)) for _ in range(4)) for _ in range(extra)]
    with open(sys.argv[1], "w", newline="\n") as file:
        file.write(f"# Pillow {PIL.__version__}, made by test/reference/resize_goldens.py\n")
        for seed, size in enumerate(sizes):
            file.write(line(*size, seed) + "\n")


if __name__ == "__main__":
    main()
