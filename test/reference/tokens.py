"""Token goldens: what Hugging Face `tokenizers` makes of lines.py with two tokenizers."""

import json
import shutil
from pathlib import Path

from tokenizers import Tokenizer

import checkpoint
import lines
from configurations import VOCABULARIES


def make(path: Path) -> None:
    """Writes tokens.json and a checkpoint folder per tokenizer into `path`, replacing what is there."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    groups = {"plain": lines.plain(), "special_looking": lines.SPECIAL_LOOKING, "folding": lines.FOLDING}
    out = {"format": 1, "lines": groups, "tokenizers": []}
    for config in VOCABULARIES:
        checkpoint.write(path / config.name, config, seed=1)
        tokenizer = Tokenizer.from_file(str(path / config.name / "tokenizer.json"))
        ids = {group: encode(tokenizer, texts, parse=False) for group, texts in groups.items()}
        check_round_trip(tokenizer, groups, ids)
        parsed = {"special_looking": encode(tokenizer, lines.SPECIAL_LOOKING, parse=True)}
        out["tokenizers"].append({"checkpoint": config.name, "ids": ids, "parsed_ids": parsed})
    text = json.dumps(out, ensure_ascii=True, separators=(",", ":")).replace("],[", "],\n[").replace('","', '",\n"')
    (path / "tokens.json").write_text(text + "\n", encoding="utf-8")
    print(f"tokens: {sum(map(len, groups.values()))} lines, {len(text)} bytes")


def encode(tokenizer: Tokenizer, texts: list[str], parse: bool) -> list[list[int]]:
    """Ids without BOS. parse: whether `<|…|>` means the special token or its letters."""
    tokenizer.encode_special_tokens = not parse
    return [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]


def check_round_trip(tokenizer: Tokenizer, groups: dict, ids: dict) -> None:
    """Byte-level ids lose nothing, so decoding gives every line back."""
    for group, texts in groups.items():
        for text, encoded in zip(texts, ids[group]):
            if tokenizer.decode(encoded, skip_special_tokens=False) != text:
                raise ValueError(f"{group}: {text!r} does not survive")
