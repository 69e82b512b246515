#!/usr/bin/env python3
"""Makes the demo: a tiny seeded Mllama checkpoint in the given folder, and the picture demo.png beside this script.

Its weights are random, so its answer is a string of Korean and English words that says nothing about the picture. It shows the
whole path, from a photo to streamed text. Needs what test/reference/requirements.txt lists:

    python models/make_demo.py /some/folder
"""

import argparse
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "test" / "reference"))

import checkpoint  # noqa: E402
import demo_picture  # noqa: E402
import tokenizer  # noqa: E402
from configurations import Configuration  # noqa: E402

SEED = 20240726

DEMO = Configuration(
    name="demo", head_dim=32, heads=4, kv_heads=2, ffn=256, layers=6, cross_layers=(1, 4), rope_factor=8.0,
    rope_original=1024, tile=56, vision_head_dim=32, vision_heads=2, vision_ffn=128, vision_layers=4, global_layers=2,
    intermediates=(1, 3), normal_tokens=1500, shards=1, template_file="chat_template.jinja", eos_list=True,
)


def speak_in_words(weights: dict[str, torch.Tensor]) -> None:
    """Mutes every head row but those of whole words, so that the random answer is readable; it never stops by itself."""
    muted = torch.ones(tokenizer.vocab_size(DEMO.normal_tokens), dtype=torch.bool)
    words = {f" {word}" for word in tokenizer.CORPUS.read_text(encoding="utf-8").split()}
    for token, text in tokenizer.texts(DEMO.normal_tokens, DEMO.ignore_merges).items():
        muted[token] = text not in words
    weights["head.weight"][muted] *= 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the checkpoint goes")
    parser.add_argument("--picture", type=Path, default=HERE / "demo.png", help="where the picture goes")
    args = parser.parse_args()
    checkpoint.write(args.folder, DEMO, SEED, adjust=speak_in_words)
    demo_picture.draw().save(args.picture, optimize=True)


if __name__ == "__main__":
    main()
