"""From a picture to tiles, as MllamaImageProcessor does it, and from the map under it to what each half patch shows."""

from functools import lru_cache

import numpy as np
from PIL import Image
from transformers.models.mllama.image_processing_pil_mllama import (
    get_image_size_fit_to_canvas,
    get_optimal_tiled_canvas,
)

from configurations import ASPECT_RATIOS, CLIP_MEAN, CLIP_STD, MAX_TILES, PATCH

MEAN = np.array(CLIP_MEAN, dtype=np.float32) * 255
DEVIATION = np.array(CLIP_STD, dtype=np.float32) * 255


@lru_cache(maxsize=65536)
def layout(width: int, height: int, tile: int) -> tuple[int, int, int, int]:
    """rows, cols, and the width and height of the picture on that canvas."""
    canvas_height, canvas_width = get_optimal_tiled_canvas(height, width, MAX_TILES, tile)
    new_height, new_width = get_image_size_fit_to_canvas(height, width, canvas_height, canvas_width, tile)
    return int(canvas_height) // tile, int(canvas_width) // tile, int(new_width), int(new_height)


def ratio_id(rows: int, cols: int) -> int:
    return ASPECT_RATIOS.index([rows, cols]) + 1


def tiles(picture: Image.Image, tile: int) -> tuple[np.ndarray, int, int]:
    """uint8 [rows * cols, tile, tile, 3], rows, cols."""
    rows, cols, width, height = layout(*picture.size, tile)
    canvas = np.zeros((rows * tile, cols * tile, 3), dtype=np.uint8)
    canvas[:height, :width] = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    return split(canvas, rows, cols, tile), rows, cols


def codes(drawn: Image.Image, tile: int) -> np.ndarray:
    """What stands in the middle of the left and of the right half of each patch: int32 [rows * cols, patches, 2]."""
    rows, cols, width, height = layout(*drawn.size, tile)
    x = np.arange(cols * tile // (PATCH // 2)) * (PATCH // 2) + PATCH // 4
    y = np.arange(rows * tile // PATCH) * PATCH + PATCH // 2
    at_x, at_y = (x + 0.5) * drawn.width / width, (y + 0.5) * drawn.height / height
    inside_x, inside_y = at_x < drawn.width, at_y < drawn.height
    found = np.zeros((len(y), len(x)), dtype=np.int32)
    values = np.asarray(drawn)
    found[np.ix_(inside_y, inside_x)] = values[np.ix_(at_y[inside_y].astype(int), at_x[inside_x].astype(int))]
    side = tile // PATCH
    return found.reshape(rows, side, cols, side, 2).transpose(0, 2, 1, 3, 4).reshape(rows * cols, side * side, 2)


def split(canvas: np.ndarray, rows: int, cols: int, tile: int) -> np.ndarray:
    return canvas.reshape(rows, tile, cols, tile, 3).transpose(0, 2, 1, 3, 4).reshape(rows * cols, tile, tile, 3)


def normalised(pixels: np.ndarray) -> np.ndarray:
    """float32 [tiles, 3, tile, tile]."""
    return ((pixels - MEAN) / DEVIATION).transpose(0, 3, 1, 2)
