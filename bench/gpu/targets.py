"""What the figures are held against. A target whose figure is missing is "not measured", never passed."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    name: str
    limit: str
    figure: Callable[[dict], float | None]  # by the results' names; None: not measured
    holds: Callable[[float], bool]
    full_size: bool = True  # judged on the full-size model on a GPU alone
    machine: str = ""  # part of the GPU's name that the limit is meant for


def ratio(name: str, peer: str) -> Callable[[dict], float | None]:
    return lambda results: results[name]["ratios"].get(peer) if name in results else None


def value(prefix: str) -> Callable[[dict], float | None]:
    return lambda results: next((r["value"] for name, r in results.items() if name.startswith(prefix)), None)


TARGETS = [
    Target("all golden values", "every check", value("goldens passed"), lambda share: share == 1, full_size=False),
    Target("decode, Q4_K_M, text: of llama-bench", ">= 0.98", ratio("decode, Q4_K_M, text", "llama-bench"), lambda x: x >= 0.98),
    Target("decode, Q4_K_M, text: of transformers", ">= 8", ratio("decode, Q4_K_M, text", "transformers"), lambda x: x >= 8),
    Target("four-tile encode: of transformers", "> 1", ratio("image encode, tiles: 4", "transformers"), lambda x: x > 1),
    Target("four-tile encode", "<= 60 ms", value("image encode, tiles: 4"), lambda x: x <= 60, machine="H100"),
    Target("memory of the plan, Q4_K_M", "0.9 to 1.1", ratio("memory, Q4_K_M, device", "plan"), lambda x: 0.9 <= x <= 1.1),
    Target("memory of the plan, BF16", "0.9 to 1.1", ratio("memory, BF16, device", "plan"), lambda x: 0.9 <= x <= 1.1),
    Target("out of memory is survived", "yes", value("out of memory"), lambda x: x == 1, full_size=False),
]


def judge(results: list[dict], is_full_size: bool, gpu: str | None) -> list[dict]:
    """Name, limit, value and status of every target."""
    by_name = {result["name"]: result for result in results}
    rows = []
    for target in TARGETS:
        applies = (is_full_size and gpu is not None) or not target.full_size
        figure = target.figure(by_name) if applies and target.machine in (gpu or "") else None
        status = "not measured" if figure is None else "pass" if target.holds(figure) else "fail"
        rows.append({"name": target.name, "limit": target.limit, "value": figure, "status": status})
    return rows
