"""Golden values of transformers against the engine on a device."""

import gzip
import os
import shutil
from pathlib import Path

from programs import ProgramFailed, json_lines, run
from workspace import CARRY, Workspace

CACHES = {"F32": "f32", "BF16": "f16", "Q8_0": "f16"}

"""
What may differ. F32 weights: the largest difference, of the reference's largest magnitude. Stored types: 1 - cosine of
a prompt's logits.

On a CPU the limits are those of `npm run parity`. On CUDA products of F32 matrices have the 10 bits of TF32 (cuBLAS),
and flash attention holds keys, values and weights in F16, 10 bits too: each rounds by up to 4.9e-4 of a value, and a
golden model has up to ten layers of them. TF32 is also switched off in a second run, which leaves flash attention. BF16
products keep 8 bits wherever they are computed; the K-quant kernels of CUDA round activations to 8 bits, as Q8_0's do.
"""
LIMITS = {
    "cpu": {"F32": 2e-4, "BF16": 1e-4, "Q8_0": 1e-3},
    "cuda": {"F32": 5e-3, "F32 without TF32": 2e-3, "BF16": 2e-4, "Q8_0": 1e-3},
}


def check_goldens(work: Workspace) -> list[dict]:
    """All checks: name, kind, and what bllossom-bench printed of each."""
    checks = []
    folder = unpack_goldens(work)
    for cases in sorted(folder.glob("*.cases.gguf")):
        name = cases.name.removesuffix(".cases.gguf")
        for kind, limit in LIMITS[work.device].items():
            found = check_file(work, cases, name, kind, limit)
            checks += [{"kind": kind, **check} for check in found]
            worst = max(found, key=lambda check: check["max_rel"])
            print(
                f"  {name} {kind:17} {sum(check['ok'] for check in found)} of {len(found)} within {limit:g}; "
                f"largest difference {worst['max_rel']:.2e}, smallest cosine {min(c['cosine'] for c in found):.7f}",
                flush=True,
            )
    if not checks:
        raise ProgramFailed(f"there are no golden values in {CARRY}; make them with `node bench/gpu/carry.mjs`")
    return checks


def unpack_goldens(work: Workspace) -> Path:
    folder = work.out / "goldens"
    folder.mkdir(parents=True, exist_ok=True)
    for packed in (CARRY / "goldens").glob("*.gguf.gz"):
        with gzip.open(packed) as source, open(folder / packed.stem, "wb") as target:
            shutil.copyfileobj(source, target)
    return folder


def check_file(work: Workspace, cases: Path, name: str, kind: str, limit: float) -> list[dict]:
    stored = kind.split()[0]
    command = "goldens" if stored == "F32" else "drift"
    words = [work.program("bllossom-bench"), command, cases, cases.with_name(f"{name}.{stored}.gguf")]
    options = ["--device", work.device, "--kv", CACHES[stored], "--limit", limit]
    env = {**os.environ, "NVIDIA_TF32_OVERRIDE": "0"} if "without TF32" in kind else None
    # A check that fails ends the program with 1, and is in its lines.
    lines = json_lines(run([*words, *options], env=env, allow_failure=True))
    if not lines:
        run([*words, *options], env=env)  # says why
        raise ProgramFailed(f"{command} of {name} in {kind} printed no check")
    return lines
