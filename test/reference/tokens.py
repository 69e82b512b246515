"""Token goldens: what Hugging Face `tokenizers` makes of lines.py with the tokenizers of the golden checkpoints."""

import json
import shutil
from pathlib import Path

from tokenizers import Tokenizer

import lines

CONFIGURATIONS = ("a", "b")  # ignore_merges true and false


def make(path: Path, goldens: Path) -> None:
    """Writes tokens.json into `path`; `goldens` holds the golden folders, their tokenizers are used."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    groups = {"plain": lines.plain(), "special_looking": lines.SPECIAL_LOOKING, "folding": lines.FOLDING}
    tokenizers = {name: Tokenizer.from_file(str(goldens / name / "checkpoint/tokenizer.json")) for name in CONFIGURATIONS}
    out = {
        "format": 1,
        "lines": groups,
        "ids": {name: {group: encode(t, texts, parse=False) for group, texts in groups.items()}
                for name, t in tokenizers.items()},
        "parsed_ids": {name: {"special_looking": encode(t, lines.SPECIAL_LOOKING, parse=True)}
                       for name, t in tokenizers.items()},
    }
    for name, tokenizer in tokenizers.items():
        check_round_trip(tokenizer, groups, out["ids"][name])
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
