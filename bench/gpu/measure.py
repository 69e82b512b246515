"""Contestants in turns: A B A B, so that what changes on the machine meanwhile meets all of them alike."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Contestant:
    name: str
    run: Callable[[], list[float]]  # one turn: the values of its repetitions


def interleave(contestants: list[Contestant], rounds: int, record: Path) -> dict[str, list[list[float]]]:
    """
    The values of every turn, by contestant. What the record holds already is not measured again: a run that was cut off
    goes on where it stopped.
    """
    turns = json.loads(record.read_text()) if record.exists() else {}
    for number in range(rounds):
        for contestant in contestants:
            taken = turns.setdefault(contestant.name, [])
            if len(taken) > number:
                continue
            values = contestant.run()
            taken.append(values)
            write_json(record, turns)
            print(f"  round {number + 1} of {rounds}  {contestant.name:28} {median(values):.4g}", flush=True)
    return turns


def result(name: str, unit: str, turns: dict, own: str, peers: dict[str, str], lower_is_better: bool = False) -> dict:
    """
    One result: the median of all repetitions, their spread (largest less smallest, of the median), and how many times
    as fast as each peer, from the medians. `peers`: contestant by the name of the peer; absent ones are left out.
    """
    value, spread = summary(turns[own])
    measured = {peer: summary(turns[contestant]) for peer, contestant in peers.items() if contestant in turns}
    ratio = (lambda peer: peer / value) if lower_is_better else (lambda peer: value / peer)
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "spread": spread,
        "ratios": {peer: ratio(peer_value) for peer, (peer_value, _) in measured.items()},
        "peers": {peer: {"value": peer_value, "spread": peer_spread} for peer, (peer_value, peer_spread) in measured.items()},
    }


def summary(turns: list[list[float]]) -> tuple[float, float]:
    values = [value for turn in turns for value in turn]
    middle = median(values)
    return middle, (max(values) - min(values)) / middle


def write_json(path: Path, value) -> None:
    """Whole or not at all: the next command of a run that is cut off reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(value, indent=1) + "\n")
    unfinished.replace(path)
