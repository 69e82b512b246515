"""Where everything lies, and what is run: the choices of one command line."""

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CARRY = REPOSITORY / "bench" / ".carry"

TYPES = ["Q4_K_M", "BF16"]


@dataclass(frozen=True)
class Workspace:
    out: Path
    device: str  # "cuda" | "cpu"
    quick: bool

    @property
    def model(self) -> str:
        """Quick runs take a tiny model: they show that everything works and say nothing about speed."""
        return "tiny" if self.quick else "aica-5b"

    @property
    def rounds(self) -> int:
        return 2 if self.quick else 5

    @property
    def build(self) -> Path:
        return self.out / f"build-{self.device}"

    def program(self, name: str) -> Path:
        folder = {"bllossom-bench": "", "llama-bench": "peers/tools/llama-bench", "llama-batched-bench": "peers/tools/batched-bench"}
        return self.build / "bench" / "native" / folder[name] / name

    def header(self, kind: str) -> Path:
        return CARRY / "models" / f"{self.model}.{kind}.header.gz"

    @property
    def config(self) -> Path:
        return CARRY / "models" / f"{self.model}.config.json"

    def model_file(self, kind: str) -> Path:
        return self.out / "models" / f"{self.model}.{kind}.gguf"

    def text_file(self, kind: str) -> Path:
        return self.out / "models" / f"{self.model}.{kind}.text.gguf"

    def record(self, stage: str) -> Path:
        """What a stage has measured so far."""
        return self.out / f"{self.device}-{self.model}-{stage}.json"
