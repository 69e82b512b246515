#!/usr/bin/env python3
"""What transformers, in F32 and with its own image processor, answers to a held-out set: share of exact answers per group.

    python models/demo/score.py <checkpoint folder> <set folder> [--json file]

An answer is exact if greedy decoding gives it. That is so if and only if each of its tokens is the likeliest one after the right
tokens before it, so one pass over question and answer shows it, without generating.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import torch
from PIL import Image

import vocabulary  # noqa: F401  finds test/reference
from hf import Reference
from scenes.scene import Turn
from spelling import IGNORED
from train import spelling


@torch.no_grad()
def is_exact(reference: Reference, words, file: Path, record: dict) -> bool:
    dialogue = words.conversation([Turn("", record["prompt"], record["answer"])], with_image=True)
    pixels = dict(reference.processor.image_processor([Image.open(file)], return_tensors="pt"))
    pixels = {name: pixels[name] for name in ("pixel_values", "aspect_ratio_ids", "aspect_ratio_mask")}
    ids = torch.tensor([dialogue.tokens])
    after_image = (ids == words.image).cumsum(1)
    seen = after_image[:, :, None, None] * pixels["aspect_ratio_mask"][:, None]
    logits = reference.model(input_ids=ids, cross_attention_mask=seen, **pixels).logits[0, :-1]
    expected = torch.tensor(dialogue.labels[1:])
    learned = expected != IGNORED
    return bool((logits.argmax(-1)[learned] == expected[learned]).all())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("set", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    reference, words = Reference(args.checkpoint), spelling()
    groups = defaultdict(list)
    for line in (args.set / "truth.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        exact = is_exact(reference, words, args.set / record["file"], record)
        for group in (
            "all",
            f"{record['kind']}: {record['question']}",
            f"{record['kind']} ({record['language']})",
            f"{record['kind']}, tiles {record['ratio']}",
            f"tiles {record['ratio']}",
        ):
            groups[group].append(exact)
    summary = [
        {"group": name, "answers": len(values), "exact": sum(values) / len(values)}
        for name, values in sorted(groups.items())
    ]
    for entry in summary:
        print(f"{entry['group']:40} {entry['answers']:5} {100 * entry['exact']:6.1f} %")
    if args.json:
        args.json.write_text(
            json.dumps({"model": "transformers, F32", "summary": summary}, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
