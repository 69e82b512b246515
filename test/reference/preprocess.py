"""Reference data of image preprocessing: picture files of every kind, and sizes alone.

Everything expected comes from transformers' PIL image processor at tile side 560, with rescaling and normalisation off, so
that its result is the canvas in whole 0 … 255.
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers.models.mllama.image_processing_pil_mllama import (
    MllamaImageProcessorPil,
    get_all_supported_aspect_ratios,
    get_image_size_fit_to_canvas,
    get_optimal_tiled_canvas,
)

import goldens
import pictures
from configurations import CLIP_MEAN, CLIP_STD, MAX_TILES
from hf import open_image

TILE = 560
SAMPLES = 2048
RANDOM_SIZES = 5000

# The worked examples of the specification, width × height.
TABLE = [
    (560, 560), (400, 300), (50, 100), (50, 45), (640, 480), (560, 561), (560, 1120), (1600, 200), (200, 1600),
    (2300, 600), (1681, 560), (500, 3000), (1280, 748), (1280, 720), (1920, 1080), (1024, 1024), (1200, 800),
    (1120, 1121), (2480, 3508), (5000, 1),
]


def make(path: Path) -> None:
    """Writes images/, preprocess.json, preprocess.safetensors and sizes.json into `path`, replacing what is there."""
    shutil.rmtree(path, ignore_errors=True)
    (path / "images").mkdir(parents=True)
    files = pictures.write(path / "images")
    processor = MllamaImageProcessorPil(
        size={"height": TILE, "width": TILE}, do_rescale=False, do_normalize=False, image_mean=CLIP_MEAN,
        image_std=CLIP_STD, max_image_tiles=MAX_TILES,
    )
    rng = np.random.default_rng(1)
    places = rng.integers(0, 65536, (SAMPLES, 2)).astype(np.int32)
    tensors, entries = {"places": torch.from_numpy(places)}, []
    for file, about in files.items():
        canvas, entry = expect(processor, path / "images" / file)
        width, height = entry["resized"]
        x, y = places[:, 0] * width >> 16, places[:, 1] * height >> 16
        tensors[file] = torch.from_numpy(np.ascontiguousarray(canvas[y, x]))
        entries.append({"file": f"images/{file}", "about": about, **entry, "samples": file})
    save_file(tensors, path / "preprocess.safetensors")
    manifest = {"format": 1, "tile": TILE, "tensors": "preprocess.safetensors", "places": "places",
                "versions": goldens.versions(), "images": entries}
    (path / "preprocess.json").write_text(goldens.compact(manifest), encoding="utf-8")
    (path / "sizes.json").write_text(json.dumps(sizes(), separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"preprocess: {len(entries)} images, {sum(f.stat().st_size for f in path.rglob('*') if f.is_file())} bytes")


def expect(processor: MllamaImageProcessorPil, file: Path) -> tuple[np.ndarray, dict]:
    """The canvas [rows·560, cols·560, 3] and what the manifest says of it."""
    stored = Image.open(file)
    image = open_image(file)
    out = processor(image, return_tensors="np")
    mask = out["aspect_ratio_mask"][0, 0].tolist()
    rows, cols, width, height = layout(*image.size)
    tiles = out["pixel_values"][0, 0, : sum(mask)]
    if sum(mask) != rows * cols:
        raise ValueError(f"{file.name}: the processor made {sum(mask)} tiles, not {rows} x {cols}")
    canvas = tiles.reshape(rows, cols, 3, TILE, TILE).transpose(0, 3, 1, 4, 2).reshape(rows * TILE, cols * TILE, 3)
    exact = canvas.astype(np.uint8)
    if not np.array_equal(exact, canvas):
        raise ValueError(f"{file.name}: the canvas is not whole numbers")
    entry = {
        "pillow_mode": stored.mode,
        "size": list(image.size),
        "aspect_ratio_id": int(out["aspect_ratio_ids"][0, 0]),
        "aspect_ratio_mask": mask,
        "rows": rows,
        "cols": cols,
        "resized": [width, height],
        "sha256": hashlib.sha256(exact.tobytes()).hexdigest(),
    }
    return exact, entry


def layout(width: int, height: int) -> tuple[int, int, int, int]:
    """rows, cols, resized width, resized height."""
    canvas_height, canvas_width = get_optimal_tiled_canvas(height, width, MAX_TILES, TILE)
    new_height, new_width = get_image_size_fit_to_canvas(height, width, canvas_height, canvas_width, TILE)
    return int(canvas_height) // TILE, int(canvas_width) // TILE, int(new_width), int(new_height)


def sizes() -> dict:
    """Rows of [width, height, rows, cols, resized width, resized height, aspect ratio id]."""
    ratios = get_all_supported_aspect_ratios(MAX_TILES)

    def row(width: int, height: int) -> list[int]:
        rows, cols, *resized = layout(width, height)
        return [width, height, rows, cols, *resized, ratios.index((rows, cols)) + 1]

    rng = np.random.default_rng(2)
    random = rng.integers(1, 3001, (RANDOM_SIZES, 2)).tolist()
    columns = ["width", "height", "rows", "cols", "resized_width", "resized_height", "aspect_ratio_id"]
    return {
        "tile": TILE,
        "columns": columns,
        "table": [row(*size) for size in TABLE],
        "rounding": [row(*size) for size in rounding_sizes()],
        "random": [row(*size) for size in random],
    }


def rounding_sizes() -> list[tuple[int, int]]:
    """Sizes whose enlarged side floors differently in float64 (scale first) than in exact arithmetic: 50 × 45 is one."""
    wide = [(w, h) for w in range(1, TILE) for h in range(1, w) if int(h * (TILE / w)) != h * TILE // w]
    return wide + [(h, w) for w, h in wide]
