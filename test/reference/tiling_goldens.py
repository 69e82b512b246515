"""Makes test/fixtures/tiling/sizes.json: canvas and fitted size of random images by transformers' own functions.

For geometries that no released model has; test/fixtures/preprocess/sizes.json covers tiles of 560.
Per geometry one flat array: width, height, rows, cols, resized width, resized height, and again.

Usage: python tiling_goldens.py OUTPUT
"""

import json
import random
import sys

import transformers
from transformers.models.mllama.image_processing_pil_mllama import (
    get_all_supported_aspect_ratios,
    get_image_size_fit_to_canvas,
    get_optimal_tiled_canvas,
)

# tile size, max tiles, images
GEOMETRIES = [(448, 4, 1000), (28, 4, 500), (336, 6, 500)]


def side(rng: random.Random, tile: int) -> int:
    """Half of the sides spread over all magnitudes, half lie within 2 pixels of a multiple of the tile."""
    if rng.random() < 0.5:
        return int(2 ** rng.uniform(0, 13))
    return max(1, tile * rng.randint(1, 5) + rng.randint(-2, 2))


def main() -> None:
    rng = random.Random(11)
    result = {"transformers": transformers.__version__, "geometries": []}
    for tile, max_tiles, count in GEOMETRIES:
        flat = []
        for _ in range(count):
            w, h = side(rng, tile), side(rng, tile)
            canvas_h, canvas_w = get_optimal_tiled_canvas(h, w, max_tiles, tile)
            new_h, new_w = get_image_size_fit_to_canvas(h, w, canvas_h, canvas_w, tile)
            flat += [w, h, int(canvas_h) // tile, int(canvas_w) // tile, int(new_w), int(new_h)]
        ratios = get_all_supported_aspect_ratios(max_tiles)
        result["geometries"].append({"tileSize": tile, "maxTiles": max_tiles, "aspectRatios": ratios, "sizes": flat})
    with open(sys.argv[1], "w", newline="\n") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
