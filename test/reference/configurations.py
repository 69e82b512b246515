"""The configurations goldens are made for: four named ones, and a tiny random one for any seed."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
ASPECT_RATIOS = [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]  # rows, cols; id = index + 1
MAX_TILES = 4
PATCH = 14


@dataclass(frozen=True)
class Configuration:
    """Everything that decides a checkpoint folder but the seed."""

    name: str
    # text tower
    head_dim: int
    heads: int
    kv_heads: int
    ffn: int
    layers: int                        # self and cross layers together
    cross_layers: tuple[int, ...]      # not layer 0: transformers takes the length of the past from its cache
    tied: bool = False                 # no lm_head: the first vocab_size rows of embed_tokens are the head
    rope_factor: float | None = None   # llama3 scaling, or none
    rope_original: int = 32            # original_max_position_embeddings, small so that scaling shows early
    rope_theta: float = 500000.0
    # vision tower
    tile: int = 28                     # pixels; rows per tile = (tile / 14)^2 + 1
    vision_head_dim: int = 16
    vision_heads: int = 2
    vision_ffn: int = 64
    vision_layers: int = 4
    global_layers: int = 1
    intermediates: tuple[int, ...] = (1, 3)
    # tokenizer
    normal_tokens: int = 320           # byte tokens and merges
    ignore_merges: bool = True
    # form of the folder
    names: str = "old"                 # tensor names: "old" (language_model.model.…) or "new" (model.language_model.…)
    config_style: str = "old"          # "old": every field, rope_scaling, torch_dtype; "new": rope_parameters, dtype
    dtype: str = "BF16"                # stored type: F32, F16 or BF16
    shards: int = 1
    template_file: str = "chat_template.json"
    eos_list: bool = False             # generation_config: one eos id, or the three of an instruct model
    fine_tuned_tables: bool = False    # unused tile slots and row 0 non-zero
    image_mean: tuple[float, float, float] = CLIP_MEAN
    image_std: tuple[float, float, float] = CLIP_STD
    images: tuple[str, ...] = field(default=("one", "two_wide", "three_wide", "four_square"))

    @property
    def hidden(self) -> int:
        return self.heads * self.head_dim

    @property
    def vision_hidden(self) -> int:
        return self.vision_heads * self.vision_head_dim

    @property
    def vision_output(self) -> int:
        return self.vision_hidden * (1 + len(self.intermediates))

    @property
    def positions(self) -> int:
        """Rows per tile: patches and the class token."""
        return (self.tile // PATCH) ** 2 + 1

    def to_json(self) -> dict:
        return asdict(self)


NAMED = {
    c.name: c
    for c in [
        # Formed like the released AICA-5B: old names, BF16, several shards, GQA 3, separate head, factor 8.
        Configuration(
            name="a", head_dim=16, heads=6, kv_heads=2, ffn=128, layers=6, cross_layers=(1, 4), rope_factor=8.0,
            tile=28, vision_heads=2, vision_ffn=96, vision_layers=5, global_layers=2, intermediates=(1, 2, 4),
            shards=3,
        ),
        # Re-saved by a new transformers: new names, F32, tied head, GQA 4, factor 32, other normalisation.
        Configuration(
            name="b", head_dim=16, heads=4, kv_heads=1, ffn=72, layers=4, cross_layers=(1, 3), tied=True,
            rope_factor=32.0, rope_original=64, tile=42, vision_heads=3, vision_ffn=80, vision_layers=3,
            intermediates=(2,), ignore_merges=False, names="new", config_style="new", dtype="F32",
            template_file="chat_template.jinja", eos_list=True,
            image_mean=(0.5, 0.45, 0.4), image_std=(0.25, 0.3, 0.35),
            images=("one_exact", "two_tall", "three_tall", "four_tall"),
        ),
        # No RoPE scaling, GQA 1, F16, tables whose unused slots were trained.
        Configuration(
            name="c", head_dim=16, heads=4, kv_heads=4, ffn=96, layers=5, cross_layers=(2, 3), tile=56,
            vision_head_dim=32, vision_heads=2, vision_ffn=128, vision_layers=3, global_layers=2, intermediates=(1, 2),
            normal_tokens=336, dtype="F16", template_file="tokenizer_config.json", fine_tuned_tables=True,
            images=("one", "two_wide", "three_tall", "four_wide"),
        ),
        # Text rows in multiples of 256, so that K-quants apply; the last layer is a cross layer.
        Configuration(
            name="d", head_dim=32, heads=8, kv_heads=2, ffn=256, layers=2, cross_layers=(1,), tied=True,
            rope_factor=32.0, rope_original=32, tile=28, vision_heads=4, vision_ffn=128, vision_layers=2,
            intermediates=(1,), names="new", config_style="new", shards=2,
            template_file="chat_template.jinja", images=("one_exact", "two_tall", "three_wide", "four_square"),
        ),
    ]
}

# Not for logits: the smallest model around a larger vocabulary, for the token goldens.
VOCABULARY = Configuration(
    name="ignore-merges", head_dim=16, heads=2, kv_heads=1, ffn=32, layers=2, cross_layers=(1,), tied=True,
    vision_heads=1, vision_ffn=32, vision_layers=2, intermediates=(1,), normal_tokens=1500,
)
VOCABULARIES = [VOCABULARY, replace(VOCABULARY, name="apply-merges", ignore_merges=False)]


def random_configuration(seed: int) -> Configuration:
    """A tiny configuration drawn at random: every choice that the four named ones vary, in new combinations."""
    rng = np.random.default_rng(seed)

    def pick(options):
        return options[int(rng.integers(len(options)))]

    kv_heads, ratio = pick([1, 2]), pick([1, 2, 3, 4])
    layers = int(rng.integers(3, 7))
    n_cross = int(rng.integers(1, max(2, layers // 2)))
    vision_layers = int(rng.integers(2, 5))
    inner = list(range(1, vision_layers))
    return Configuration(
        name=f"random-{seed}", head_dim=pick([16, 32]), heads=kv_heads * ratio, kv_heads=kv_heads, ffn=pick([64, 96]),
        layers=layers, cross_layers=tuple(sorted((1 + rng.choice(layers - 1, n_cross, replace=False)).tolist())),
        tied=pick([True, False]), rope_factor=pick([None, 4.0, 8.0, 32.0]), rope_original=pick([32, 48, 64]),
        rope_theta=pick([10000.0, 500000.0]), tile=pick([28, 42, 56]), vision_head_dim=pick([16, 24]),
        vision_heads=pick([1, 2, 3]), vision_ffn=pick([64, 80, 96]), vision_layers=vision_layers,
        global_layers=int(rng.integers(1, 4)),
        intermediates=tuple(sorted(rng.choice(inner, int(rng.integers(1, len(inner) + 1)), replace=False).tolist())),
        normal_tokens=int(rng.integers(320, 400)), ignore_merges=pick([True, False]), names=pick(["old", "new"]),
        config_style=pick(["old", "new"]), dtype=pick(["F32", "F16", "BF16"]), shards=pick([1, 2, 3]),
        template_file=pick(["chat_template.json", "chat_template.jinja", "tokenizer_config.json"]),
        eos_list=pick([True, False]), fine_tuned_tables=pick([True, False]),
        images=(pick(["one", "one_exact"]), pick(["two_wide", "two_tall"]), pick(["three_wide", "three_tall"]),
                pick(["four_square", "four_wide", "four_tall"])),
    )


def read_configuration(path: Path) -> Configuration:
    """A configuration from a JSON file with the field names of Configuration; absent fields keep their defaults."""
    values = json.loads(path.read_text(encoding="utf-8"))
    unknown = set(values) - {f.name for f in fields(Configuration)}
    if unknown:
        raise ValueError(f"{path}: unknown fields {sorted(unknown)}")
    return Configuration(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
