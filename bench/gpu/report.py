"""Puts the results of all stages into one file and judges them."""

import datetime
import re

from goldens import LIMITS
from machine import describe_machine, describe_versions
from measure import write_json
from stages import read_results, single
from targets import judge
from workspace import REPOSITORY, Workspace

MEASURED = ["goldens", "decode", "prefill", "image", "streams", "memory"]


def golden_results(work: Workspace, checks: list[dict]) -> list[dict]:
    """The share of checks that passed, and the worst figures of each kind."""
    passed = sum(check["ok"] for check in checks)
    results = [single(f"goldens passed, of {len(checks)}", passed / len(checks), "share", {})]
    for kind, limit in LIMITS[work.device].items():
        of_kind = [check for check in checks if check["kind"] == kind]
        exact = of_kind[0]["measure"] == "max_rel"
        worst = max(check["max_rel"] if exact else 1 - check["cosine"] for check in of_kind)
        measure = "largest difference" if exact else "1 - cosine"
        results.append(single(f"goldens, {kind}, limit {limit:g}", worst, measure, {}))
    return results


def write_report(work: Workspace) -> bool:
    """Writes bench/results/<machine>-<date>.json and prints the targets. Returns whether none failed."""
    machine = describe_machine(work.device)
    results = [result for stage in MEASURED for result in read_results(work, stage)]
    targets = judge(results, not work.quick, machine["gpu"])
    date = datetime.date.today().isoformat()
    report = {
        "machine": machine,
        "versions": describe_versions(work.device),
        "run": {"date": date, "device": work.device, "model": work.model, "quick": work.quick},
        "results": results,
        "targets": targets,
    }
    processor = machine["gpu"] or f"{machine['cpu']} {machine['cores']} cores"
    slug = re.sub(r"[^a-z0-9]+", "-", f"{processor}{' quick' if work.quick else ''}".lower()).strip("-")
    path = REPOSITORY / "bench" / "results" / f"{slug}-{date}.json"
    write_json(path, report)
    write_json(work.out / path.name, report)
    for result in results:
        ratios = ", ".join(f"{ratio:.3g} x {peer}" for peer, ratio in result["ratios"].items())
        print(f"{result['name']:44} {result['value']:>12.6g} {result['unit']:14} {ratios}")
    print()
    for target in targets:
        figure = "" if target["value"] is None else f"{target['value']:.4g}"
        print(f"{target['status']:13} {target['name']:44} {figure:>10}   {target['limit']}")
    print(f"\n{path}")
    return all(target["status"] != "fail" for target in targets)
