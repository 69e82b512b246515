"""What the figures were taken on."""

import json
import os
import platform
import subprocess
from importlib import metadata

from workspace import REPOSITORY


def first_line(*command: str) -> str | None:
    """Of what a program prints; None where it is missing or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def describe_machine(device: str) -> dict:
    with open("/proc/cpuinfo", encoding="utf8") as file:
        cpu = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memoryBytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpu": first_line("nvidia-smi", "--query-gpu=name", "--format=csv,noheader") if device == "cuda" else None,
        "system": f"{platform.system()} {platform.machine()}",
    }


def describe_versions(device: str) -> dict:
    package = json.loads((REPOSITORY / "package.json").read_text())
    pin = json.loads((REPOSITORY / "vendor" / "pin.json").read_text())
    versions = {
        "node-bllossom": package["version"],
        "llama.cpp": pin["version"],
        "compiler": first_line("c++", "--version"),
        "torch": installed("torch"),
        "transformers": installed("transformers"),
    }
    if device == "cuda":
        versions["driver"] = first_line("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return versions


def installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
