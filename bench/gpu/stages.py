"""What is measured. Every stage returns its results and keeps its turns in a record of its own."""

import json

import programs
from measure import Contestant, interleave, result
from workspace import TYPES, Workspace


def measure_decode(work: Workspace) -> list[dict]:
    """One stream: text alone against llama.cpp on the same weights and transformers, and after a four-tile picture."""
    tokens = 16 if work.quick else 128
    repeat = 2 if work.quick else 3
    contestants = []
    for kind in TYPES:
        contestants += [
            Contestant(kind, lambda kind=kind: programs.our_values(work, "decode", kind, tokens=tokens, repeat=repeat)),
            Contestant(
                f"{kind} after a picture",
                lambda kind=kind: programs.our_values(work, "decode", kind, tokens=tokens, repeat=repeat, tiles=4),
            ),
            Contestant(f"{kind} llama-bench", lambda kind=kind: programs.llama_bench(work, kind, 0, tokens, repeat)),
        ]
    contestants += transformers(work, lambda: programs.transformers(work, "decode", tokens=tokens, repeat=repeat))
    turns = interleave(contestants, work.rounds, work.record("decode"))
    results = []
    for kind in TYPES:
        peers = {"llama-bench": f"{kind} llama-bench", "transformers": "transformers"}
        results.append(result(f"decode, {kind}, text", "tokens/s", turns, kind, peers))
        results.append(result(f"decode, {kind}, after a picture", "tokens/s", turns, f"{kind} after a picture", {}))
    return results


def measure_prefill(work: Workspace) -> list[dict]:
    prompt = 64 if work.quick else 512
    repeat = 2 if work.quick else 5
    contestants = []
    for kind in TYPES:
        contestants += [
            Contestant(kind, lambda kind=kind: programs.our_values(work, "prefill", kind, prompt=prompt, repeat=repeat)),
            Contestant(f"{kind} llama-bench", lambda kind=kind: programs.llama_bench(work, kind, prompt, 0, repeat)),
        ]
    turns = interleave(contestants, work.rounds, work.record("prefill"))
    return [
        result(f"prefill, {kind}, {prompt} tokens", "tokens/s", turns, kind, {"llama-bench": f"{kind} llama-bench"})
        for kind in TYPES
    ]


def measure_image(work: Workspace) -> list[dict]:
    """Vision tower, projector and the keys and values of all cross layers; of transformers, tower and projector."""
    repeat = 2 if work.quick else 5
    sizes = [1, 4]
    contestants = []
    for tiles in sizes:
        contestants.append(
            Contestant(str(tiles), lambda tiles=tiles: programs.our_values(work, "image", TYPES[0], tiles=tiles, repeat=repeat))
        )
        contestants += transformers(
            work, lambda tiles=tiles: programs.transformers(work, "image", tiles=tiles, repeat=repeat), f"{tiles} transformers"
        )
    turns = interleave(contestants, work.rounds, work.record("image"))
    return [
        result(f"image encode, tiles: {tiles}", "ms", turns, str(tiles), {"transformers": f"{tiles} transformers"}, True)
        for tiles in sizes
    ]


def measure_streams(work: Workspace) -> list[dict]:
    """Tokens of all streams together, prompts included in the time."""
    kind, prompt, tokens = TYPES[0], 32, 16 if work.quick else 128
    counts = [8, 32]
    contestants = []
    for count in counts:
        contestants += [
            Contestant(
                str(count),
                lambda count=count: programs.our_values(
                    work, "streams", kind, streams=count, prompt=prompt, tokens=tokens, context=count * (prompt + tokens), repeat=1
                ),
            ),
            Contestant(
                f"{count} llama-batched-bench",
                lambda count=count: programs.llama_batched_bench(work, kind, count, prompt, tokens),
            ),
        ]
    turns = interleave(contestants, work.rounds, work.record("streams"))
    return [
        result(f"{count} streams, {kind}", "tokens/s", turns, str(count), {"llama-batched-bench": f"{count} llama-batched-bench"})
        for count in counts
    ]


def measure_memory(work: Workspace) -> list[dict]:
    """What is gone after the largest graphs ran, against the plan; and a load that cannot fit."""
    context = 512 if work.quick else 8192
    results = []
    for kind in TYPES:
        lines = programs.ours(work, "memory", work.model_file(kind), context=context)
        plan, _, measured = lines
        where = ("device", "device") if work.device == "cuda" else ("total", "host")
        results.append(single(f"memory, {kind}, {where[1]}", measured[where[1]], "bytes", {"plan": measured[where[1]] / plan[where[0]]}))
    (survival,) = programs.ours(work, "out-of-memory", work.model_file(TYPES[0]), context=1024)
    results.append(single(f"out of memory, then a request ({survival['code']})", float(survival["survived"]), "survived", {}))
    loads = [programs.our_values(work, "load", kind, repeat=2) for kind in TYPES]
    results += [result(f"load, {kind}", "ms", {kind: [values]}, kind, {}) for kind, values in zip(TYPES, loads, strict=True)]
    return results


def single(name: str, value: float, unit: str, ratios: dict[str, float]) -> dict:
    return {"name": name, "value": value, "unit": unit, "spread": 0.0, "ratios": ratios, "peers": {}}


def transformers(work: Workspace, run, name: str = "transformers") -> list[Contestant]:
    """The contestant, or none where transformers cannot run: the report says why."""
    reason = programs.why_no_transformers()
    if reason is not None:
        print(f"  {name} is left out: {reason}", flush=True)
        return []
    return [Contestant(name, run)]


def read_results(work: Workspace, stage: str) -> list[dict]:
    path = work.record(f"{stage}-results")
    return json.loads(path.read_text()) if path.exists() else []
