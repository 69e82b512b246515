"""Starts the programs that measure, ours and the peers, and reads what they print. Each runs in a process of its own."""

import functools
import json
import math
import subprocess
import sys

from workspace import REPOSITORY, Workspace

TRANSFORMERS = REPOSITORY / "bench" / "peers" / "transformers_turn.py"


class ProgramFailed(Exception):
    """A program that ended with an error: its name and the end of what it said."""


def run(command: list, env: dict | None = None, allow_failure: bool = False) -> str:
    """Runs a program and returns what it printed."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, env=env)
    except OSError as failure:
        raise ProgramFailed(f"{words[0]} cannot be started ({failure.strerror}); run the stages build and peers first") from failure
    if done.returncode != 0 and not allow_failure:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise ProgramFailed(f"{' '.join(words)}\nended with {done.returncode}:\n{said}")
    return done.stdout


def json_lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def ours(work: Workspace, command: str, *words, **options) -> list[dict]:
    """The lines of one command of bllossom-bench."""
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    threads = [] if work.device == "cuda" else ["--threads", cpu_threads(work)]
    return json_lines(run([work.program("bllossom-bench"), command, *words, "--device", work.device, *threads, *given]))


def our_values(work: Workspace, command: str, kind: str, **options) -> list[float]:
    (line,) = ours(work, command, work.model_file(kind), **options)
    return line["values"]


def cpu_threads(work: Workspace) -> int:
    """One for a tiny model, whose threads would only wait for each other; else the physical cores."""
    if work.quick:
        return 1
    listing = run(["lscpu", "--parse=CORE,SOCKET"])
    return len({line for line in listing.splitlines() if not line.startswith("#")})


def llama_bench(work: Workspace, kind: str, prompt: int, tokens: int, repeat: int) -> list[float]:
    """Tokens/s of each repetition, for a prompt or for tokens after an empty one; the other number is 0."""
    layers = 999 if work.device == "cuda" else 0
    command = [work.program("llama-bench"), "-m", work.text_file(kind), "-p", prompt, "-n", tokens, "-r", repeat]
    command += ["-t", cpu_threads(work), "-ngl", layers, "-fa", 1, "-o", "json"]
    (test,) = json.loads(run(command))
    return test["samples_ts"]


def llama_batched_bench(work: Workspace, kind: str, streams: int, prompt: int, tokens: int) -> list[float]:
    """Tokens generated per second by all streams together, their prompts included in the time."""
    layers = 999 if work.device == "cuda" else 0
    context = streams * 256 * math.ceil((prompt + tokens) / 256)  # a stream's cells come by 256
    command = [work.program("llama-batched-bench"), "-m", work.text_file(kind), "-fa", "on", "-c", context]
    command += ["-npp", prompt, "-ntg", tokens, "-npl", streams, "-t", cpu_threads(work), "-ngl", layers]
    # It prints through a log thread, which now and then ends with the process before it has written: one run in four here.
    for _ in range(10):
        tests = json_lines(run([*command, "--output-format", "jsonl"]))
        if tests:
            return [streams * tokens / tests[0]["t"]]
    raise ProgramFailed("llama-batched-bench ended well ten times without printing its figures")


def transformers(work: Workspace, task: str, **options) -> list[float]:
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    threads = [] if work.device == "cuda" else ["--threads", cpu_threads(work)]
    output = run([sys.executable, TRANSFORMERS, task, work.config, "--device", work.device, *threads, *given])
    return json_lines(output)[-1]["values"]


@functools.cache
def why_no_transformers() -> str | None:
    """Why transformers cannot be measured here, if so."""
    try:
        run([sys.executable, "-c", "import torch, transformers"])
    except ProgramFailed as failure:
        return f"PyTorch or transformers cannot be imported: {str(failure).splitlines()[-1]}"
    return None
