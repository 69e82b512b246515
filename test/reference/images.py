"""The input images of the goldens: small seeded drawings whose sizes decide the number of tiles."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

# name -> (width, height) as a function of the tile side; the names say how many tiles come out
SIZES = {
    "one": lambda t: (t - 9, t - 16),              # enlarged
    "one_exact": lambda t: (t, t),
    "two_wide": lambda t: (2 * t, t),              # fills the canvas exactly
    "two_tall": lambda t: (t - 4, 2 * t - 7),      # kept, padded on both sides
    "three_wide": lambda t: (3 * t - 5, t - 10),
    "three_tall": lambda t: (t, 3 * t),
    "four_square": lambda t: (2 * t + 31, 2 * t + 12),  # shrunk
    "four_wide": lambda t: (4 * t + 17, t + 3),
    "four_tall": lambda t: (t - 6, 4 * t - 9),
}
TILES = {"one": 1, "two": 2, "three": 3, "four": 4}


def expected_tiles(name: str) -> int:
    return TILES[name.split("_")[0]]


def draw(name: str, tile: int, seed: int) -> Image.Image:
    """Gradients, two shapes and a little noise: different in every tile."""
    width, height = SIZES[name](tile)
    rng = np.random.default_rng([seed, sum(name.encode())])
    y, x = np.mgrid[0:height, 0:width]
    slopes = rng.uniform(-1.2, 1.2, (3, 2))
    base = rng.uniform(60, 190, 3)
    pixels = np.stack([b + sx * x * 90 / tile + sy * y * 90 / tile for b, (sx, sy) in zip(base, slopes)], axis=-1)
    pixels += rng.normal(0, 6, pixels.shape)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGB")
    pen = ImageDraw.Draw(image)
    for shape in (pen.rectangle, pen.ellipse):
        left, top = int(rng.integers(0, width // 2)), int(rng.integers(0, height // 2))
        right, bottom = left + width // 3, top + height // 3
        shape((left, top, right, bottom), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    return image


def write(folder: Path, names: tuple[str, ...], tile: int, seed: int) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        draw(name, tile, seed).save(folder / f"{name}.png", optimize=True)
    return [f"{name}.png" for name in names]
