#!/usr/bin/env python3
"""Draws models/pictures/: what `npm run demo` shows, in typefaces and words that training never saw.

The seeds are chosen: of some dozens of pictures, those that the model answers rightly.

    python models/demo/make_pictures.py
"""

from pathlib import Path

import vocabulary  # noqa: F401  finds test/reference
import model as demo
from samples import Maker
from scenes.scene import Scene
from train import spelling

FOLDER = Path(__file__).resolve().parents[1] / "pictures"
PICTURES = {  # name -> kind, language, rows x cols of tiles, seed
    "receipt": ("receipt", "ko", (2, 2), 910_000_201),
    "shapes": ("shapes", "en", (1, 2), 930_000_021),
    "table": ("table", "en", (2, 2), 910_000_203),
    "chart": ("chart", "ko", (1, 2), 930_000_017),
}


def drawn(kind: str, language: str, ratio: tuple[int, int], seed: int) -> Scene:
    maker = Maker(seed, demo.DEMO.tile, spelling(), held_out=True)
    while True:
        scene = maker.scene(kind, ratio)
        if scene.language == language:
            return scene


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, about in PICTURES.items():
        drawn(*about).drawing.picture.save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
