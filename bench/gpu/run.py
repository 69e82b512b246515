#!/usr/bin/env python3
"""
Benchmarks on a machine with a GPU, without Node and without a network: bench/README.md.

    python3 bench/gpu/run.py <stage> [--device cuda|cpu] [--quick] [--out folder]

Every stage is a command of its own that ends within ten minutes on 16 cores. One that was cut off goes on where it
stopped when it is started again; one that is finished starts anew.
"""

import argparse
import sys
import time
from pathlib import Path

import builds
import stages
from goldens import check_goldens
from measure import write_json
from programs import ProgramFailed
from report import MEASURED, golden_results, write_report
from workspace import REPOSITORY, Workspace

PREPARE = {"build": builds.build, "peers": builds.build_peers, "models": builds.make_models}
MEASURE = {
    "goldens": lambda work: golden_results(work, check_goldens(work)),
    "decode": stages.measure_decode,
    "prefill": stages.measure_prefill,
    "image": stages.measure_image,
    "streams": stages.measure_streams,
    "memory": stages.measure_memory,
}
STAGES = [*PREPARE, *MEASURED, "report"]


def run_stage(work: Workspace, stage: str) -> bool:
    """Returns whether nothing failed that the stage judges."""
    started = time.monotonic()
    print(f"{stage}: {work.model} on {work.device}", flush=True)
    fine = True
    if stage in PREPARE:
        PREPARE[stage](work)
    elif stage in MEASURE:
        results = MEASURE[stage](work)
        write_json(work.record(f"{stage}-results"), results)
        work.record(stage).unlink(missing_ok=True)
        fine = stage != "goldens" or results[0]["value"] == 1
    else:
        fine = write_report(work)
    print(f"{stage}: {time.monotonic() - started:.0f} s", flush=True)
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=[*STAGES, "all"])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--quick", action="store_true", help="a tiny model and few repetitions: to try the script")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "bench" / ".out", help="everything that is made on the way")
    args = parser.parse_args()
    work = Workspace(args.out.resolve(), args.device, args.quick)
    try:
        done = [run_stage(work, stage) for stage in (STAGES if args.stage == "all" else [args.stage])]
    except ProgramFailed as failure:
        print(f"{args.stage}: {failure}", file=sys.stderr)
        return 1
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
