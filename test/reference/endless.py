"""A tiny seeded checkpoint whose answers are words and never end by themselves, and a picture of a house.

The weights are random, so an answer is a string of Korean and English words that says nothing about the picture.
"""

from pathlib import Path

import torch

import checkpoint
import house
import tokenizer
from configurations import Configuration

SEED = 20240726

ENDLESS = Configuration(
    name="demo", head_dim=32, heads=4, kv_heads=2, ffn=256, layers=6, cross_layers=(1, 4), rope_factor=8.0,
    rope_original=1024, tile=56, vision_head_dim=32, vision_heads=2, vision_ffn=128, vision_layers=4, global_layers=2,
    intermediates=(1, 3), normal_tokens=1500, shards=1, template_file="chat_template.jinja", eos_list=True,
)


def make(folder: Path) -> None:
    """Writes demo/, a checkpoint of that name which `bllossom convert --type Q8_0` makes the fixture of, and picture.png."""
    checkpoint.write(folder / ENDLESS.name, ENDLESS, SEED, adjust=speak_in_words)
    house.draw().save(folder / "picture.png", optimize=True)


def speak_in_words(weights: dict[str, torch.Tensor]) -> None:
    """Mutes every head row but those of whole words, so that the random answer is readable; it never stops by itself."""
    muted = torch.ones(tokenizer.vocab_size(ENDLESS.normal_tokens), dtype=torch.bool)
    words = {f" {word}" for word in tokenizer.CORPUS.read_text(encoding="utf-8").split()}
    for token, text in tokenizer.texts(ENDLESS.normal_tokens, ENDLESS.ignore_merges).items():
        muted[token] = text not in words
    weights["head.weight"][muted] *= 0.2
