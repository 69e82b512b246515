#!/usr/bin/env python3
"""Draws a held-out set: typefaces, words and seeds that training never sees, on canvases of all eight ratios.

    python models/demo/make_set.py <folder> [--pictures n] [--seed n]

<folder> gets the pictures and truth.jsonl: one line for each question, with the fields `file`, `prompt`, `answer`, `kind` (what is
drawn), `question` (a task or one of phrases.QUESTIONS), `language` and `ratio` (columns x rows of tiles).
"""

import argparse
import json
from pathlib import Path

import vocabulary  # noqa: F401  finds test/reference
import model as demo
import tiling
from configurations import ASPECT_RATIOS
from samples import Maker
from train import spelling

SEED = 900_000_000  # far from every seed of the training
SHARES = {"word": 4, "text": 7, "shapes": 4, "chart": 3, "table": 3, "receipt": 2, "document": 2}  # of the pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=840)
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    maker = Maker(args.seed, demo.DEMO.tile, spelling(), held_out=True)
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    with (args.folder / "truth.jsonl").open("w", encoding="utf-8") as truth:
        for i in range(args.pictures):
            scene = maker.scene(kinds[i % len(kinds)], tuple(ASPECT_RATIOS[i // len(kinds) % len(ASPECT_RATIOS)]))
            file = f"{i:04}.png"
            scene.drawing.picture.save(args.folder / file, optimize=True)
            rows, cols, *_ = tiling.layout(*scene.drawing.picture.size, demo.DEMO.tile)
            about = {"kind": scene.kind, "language": scene.language, "ratio": f"{cols}x{rows}"}
            for turn in scene.turns:
                line = {"file": file, "prompt": turn.question, "answer": turn.answer, "question": turn.kind, **about}
                print(json.dumps(line, ensure_ascii=False), file=truth)


if __name__ == "__main__":
    main()
