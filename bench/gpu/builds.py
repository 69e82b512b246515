"""What is compiled, and which files are made, before anything is measured."""

import gzip
import os
import shutil
import subprocess

from programs import ProgramFailed, run
from workspace import REPOSITORY, TYPES, Workspace


def build(work: Workspace) -> None:
    """Configures, and compiles engine and bench program. Cut off, it goes on where it stopped."""
    options = ["-DBLLOSSOM_ADDON=OFF", "-DBLLOSSOM_BENCH=ON"]
    if work.device == "cuda":
        options += ["-DGGML_CUDA=ON", f"-DCMAKE_CUDA_ARCHITECTURES={cuda_architecture()}"]
    stream(["cmake", "-S", REPOSITORY, "-B", work.build, "-G", "Ninja", *options])
    compile_targets(work, "bllossom-bench")


def build_peers(work: Workspace) -> None:
    compile_targets(work, "llama-bench", "llama-batched-bench")


def compile_targets(work: Workspace, *targets: str) -> None:
    stream(["cmake", "--build", work.build, "--parallel", os.cpu_count() or 1, "--target", *targets])


def cuda_architecture() -> str:
    """E.g. "90" for an H100: that of the first GPU alone, for kernels take minutes each."""
    capability = run(["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]).splitlines()[0]
    return capability.strip().replace(".", "")


def stream(command: list) -> None:
    """Runs a program whose output is for people."""
    words = [str(word) for word in command]
    if subprocess.run(words).returncode != 0:
        raise ProgramFailed(f"{' '.join(words)}\nfailed; what it said stands above")


def make_models(work: Workspace) -> None:
    """Random weights behind every header, and each model's text part for llama.cpp."""
    program = work.program("bllossom-bench")
    for kind in TYPES:
        model, text = work.model_file(kind), work.text_file(kind)
        model.parent.mkdir(parents=True, exist_ok=True)
        if not model.exists():
            header = model.with_suffix(".header")
            with gzip.open(work.header(kind)) as packed, open(header, "wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
            run([program, "random-model", header, model])
            header.unlink()
        if not text.exists():
            run([program, "export-text", model, text])
        print(f"  {model.name} {model.stat().st_size / 1e9:.3f} GB, {text.name} {text.stat().st_size / 1e9:.3f} GB", flush=True)
