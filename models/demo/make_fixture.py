#!/usr/bin/env python3
"""Chooses test/fixtures/demo/ among what the model answers rightly, so that the tests notice when it no longer does.

    python models/demo/make_set.py <set> --seed 920000000 --pictures 400
    npm run demo:eval -- <set> --json <scores.json>
    python models/demo/make_fixture.py <set> <scores.json>

For each ratio one picture to read in each language, and one more picture of every kind. How often the model is right, the
held-out set says.
"""

import argparse
import json
import shutil
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "demo"
READING = ("word", "text")


def chosen(lines: list[dict]) -> list[dict]:
    """The first right question of each group; a picture is taken once."""
    found: dict[tuple[str, ...], dict] = {}
    taken: set[str] = set()
    for line in lines:
        is_reading = line["kind"] in READING and line["question"] == "ocr"
        group = (line["ratio"], line["language"]) if is_reading else (line["kind"], line["question"])
        is_plain = not is_reading or len(line["answer"]) >= 3
        if group not in found and line["file"] not in taken and is_plain:
            found[group] = line
            taken.add(line["file"])
    return list(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("scores", type=Path)
    args = parser.parse_args()
    given = json.loads(args.scores.read_text(encoding="utf-8"))["answers"]
    right = {(a["file"], a["prompt"]) for a in given if a["given"].strip() == a["answer"].strip()}
    lines = map(json.loads, (args.set / "truth.jsonl").read_text(encoding="utf-8").splitlines())
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with (FOLDER / "truth.jsonl").open("w", encoding="utf-8") as truth:
        for line in chosen([line for line in lines if (line["file"], line["prompt"]) in right]):
            shutil.copy(args.set / line["file"], FOLDER)
            print(json.dumps(line, ensure_ascii=False), file=truth)


if __name__ == "__main__":
    main()
