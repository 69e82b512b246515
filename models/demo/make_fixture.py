#!/usr/bin/env python3
"""Chooses test/fixtures/demo/ among what the model answers rightly, so that the tests notice when it no longer does.

    python models/demo/make_set.py <set> --seed 920000000 --pictures 400
    npm run demo:eval -- <set> --json <scores.json>
    npm run demo:eval -- <set> --json <more scores.json> --model <the same model in Q4_K_M>
    python models/demo/make_fixture.py <set> <scores.json> <more scores.json>

For each ratio one picture to read in each language, and one picture of every question. The answers are those that survive Q4_K_M
too: then the rounding of another processor does not change them either. How often the model is right, the held-out set says.
"""

import argparse
import json
import shutil
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "demo"
READING = ("word", "text")
LARGEST = 40_000  # bytes of a picture


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


def right_answers(scores: Path) -> set[tuple[str, str]]:
    """Pictures and prompts."""
    answers = json.loads(scores.read_text(encoding="utf-8"))["answers"]
    return {(a["file"], a["prompt"]) for a in answers if a["given"].strip() == a["answer"].strip()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("scores", type=Path, nargs="+")
    args = parser.parse_args()
    right = set.intersection(*map(right_answers, args.scores))
    right = {(file, prompt) for file, prompt in right if (args.set / file).stat().st_size <= LARGEST}
    lines = map(json.loads, (args.set / "truth.jsonl").read_text(encoding="utf-8").splitlines())
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with (FOLDER / "truth.jsonl").open("w", encoding="utf-8") as truth:
        for line in chosen([line for line in lines if (line["file"], line["prompt"]) in right]):
            shutil.copy(args.set / line["file"], FOLDER)
            print(json.dumps(line, ensure_ascii=False), file=truth)


if __name__ == "__main__":
    main()
