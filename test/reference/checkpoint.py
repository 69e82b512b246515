"""Writes a Hugging Face checkpoint folder with seeded random weights for a Configuration."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

import tokenizer
from configurations import ASPECT_RATIOS, MAX_TILES, PATCH, Configuration

Adjust = Callable[[dict[str, torch.Tensor]], None]

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
DTYPE_NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}

# canonical prefix -> prefix in the file
NAMES = {
    "old": {"text.": "language_model.model.", "head.": "language_model.lm_head.", "vision.": "vision_model.",
            "projector.": "multi_modal_projector."},
    "new": {"text.": "model.language_model.", "head.": "lm_head.", "vision.": "model.vision_model.",
            "projector.": "model.multi_modal_projector."},
}


def write(folder: Path, config: Configuration, seed: int, adjust: Adjust | None = None) -> dict[str, torch.Tensor]:
    """Writes every file of the folder and returns the weights as stored, by canonical name (see `weights`).

    adjust: changes the weights in place before they are stored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    description = tokenizer.train(config.normal_tokens, config.ignore_merges)
    tokenizer.write(folder, description, config.normal_tokens, config.template_file)
    tokenizer.dump(folder / "config.json", model_config(config))
    tokenizer.dump(folder / "generation_config.json", generation_config(config))
    tokenizer.dump(folder / "preprocessor_config.json", preprocessor_config(config))
    drawn = weights(config, seed)
    if adjust:
        adjust(drawn)
    stored = {name: value.to(DTYPES[config.dtype]) for name, value in drawn.items()}
    write_tensors(folder, config, stored)
    return stored


# --- weights ---------------------------------------------------------------------------------------------------------


class Draw:
    """Random tensors that depend on the seed and the tensor's name alone, so adding one leaves the others as they are."""

    def __init__(self, seed: int):
        self.seed = seed

    def normal(self, name: str, shape: tuple[int, ...], mean: float = 0.0, std: float = 1.0) -> torch.Tensor:
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        return torch.from_numpy((mean + std * rng.standard_normal(shape)).astype(np.float32))

    def linear(self, name: str, rows: int, cols: int, gain: float = 1.0) -> torch.Tensor:
        return self.normal(name, (rows, cols), std=gain / math.sqrt(cols))

    def gate(self, name: str) -> torch.Tensor:
        """0.3 … 1.0 with either sign: never near the zero that would hide the branch."""
        value = self.normal(name, (1,))
        return torch.sign(value) * (0.3 + 0.7 * torch.frac(value.abs()))


def weights(config: Configuration, seed: int) -> dict[str, torch.Tensor]:
    """All weights in F32 under canonical names: `text.…`, `head.weight`, `vision.…`, `projector.…`."""
    draw = Draw(seed)
    out = {**text_weights(config, draw), **vision_weights(config, draw)}
    out["projector.weight"] = draw.linear("projector.weight", config.hidden, config.vision_output)
    out["projector.bias"] = draw.normal("projector.bias", (config.hidden,), std=0.1)
    return out


def text_weights(config: Configuration, draw: Draw) -> dict[str, torch.Tensor]:
    d, kv, ffn = config.hidden, config.kv_heads * config.head_dim, config.ffn
    vocab = tokenizer.vocab_size(config.normal_tokens)
    # A tied head repeats the input token unless the embeddings are small beside what the layers add.
    embed_std, added = (1.6 / math.sqrt(d), 1.3) if config.tied else (1.0, 0.8)
    out = {"text.embed_tokens.weight": draw.normal("embed", (vocab + 8, d), std=embed_std)}
    for i in range(config.layers):
        cross = i in config.cross_layers
        at, attention = f"text.layers.{i}.", "cross_attn" if cross else "self_attn"
        for name, rows, cols, gain in [
            (f"{attention}.q_proj", d, d, 1.1), (f"{attention}.k_proj", kv, d, 1.1),
            (f"{attention}.v_proj", kv, d, 1.0), (f"{attention}.o_proj", d, d, added),
            ("mlp.gate_proj", ffn, d, 1.0), ("mlp.up_proj", ffn, d, 1.0), ("mlp.down_proj", d, ffn, added),
        ]:
            out[f"{at}{name}.weight"] = draw.linear(f"{at}{name}", rows, cols, gain)
        for name in ("input_layernorm", "post_attention_layernorm"):
            out[f"{at}{name}.weight"] = draw.normal(at + name, (d,), 1.0, 0.15)
        if cross:
            for name in ("q_norm", "k_norm"):
                out[f"{at}cross_attn.{name}.weight"] = draw.normal(at + name, (config.head_dim,), 1.2, 0.15)
            for name in ("cross_attn_attn_gate", "cross_attn_mlp_gate"):
                out[at + name] = draw.gate(at + name)
    out["text.norm.weight"] = draw.normal("norm", (d,), 1.0, 0.15)
    if not config.tied:
        out["head.weight"] = draw.linear("head", vocab, d, 3.0)
    return out


def vision_weights(config: Configuration, draw: Draw) -> dict[str, torch.Tensor]:
    v, p = config.vision_hidden, config.positions
    out = {
        "vision.class_embedding": draw.normal("class", (v,), std=0.5),
        "vision.patch_embedding.weight": draw.normal("patch", (v, 3, PATCH, PATCH), std=1.5 / math.sqrt(3 * PATCH**2)),
        "vision.gated_positional_embedding.gate": draw.gate("position gate"),
        "vision.gated_positional_embedding.embedding": draw.normal("position", (p, v), std=0.5),
        "vision.gated_positional_embedding.tile_embedding.weight": tile_table(config, draw, "tile position", p * v),
    }
    for name in ("pre_tile_positional_embedding", "post_tile_positional_embedding"):
        out[f"vision.{name}.gate"] = draw.gate(name)
        out[f"vision.{name}.embedding.weight"] = tile_table(config, draw, name, v)
    for name in ("layernorm_pre", "layernorm_post"):
        out.update(layer_norm(draw, f"vision.{name}", v))
    for i in range(config.vision_layers):
        out.update(vision_layer(config, draw, f"vision.transformer.layers.{i}"))
    for i in range(config.global_layers):
        at = f"vision.global_transformer.layers.{i}"
        out.update(vision_layer(config, draw, at))
        for name in ("gate_attn", "gate_ffn"):
            out[f"{at}.{name}"] = draw.normal(f"{at}.{name}", (1,), math.pi / 4, 0.2)
    return out


def vision_layer(config: Configuration, draw: Draw, at: str) -> dict[str, torch.Tensor]:
    v, ffn = config.vision_hidden, config.vision_ffn
    out = {}
    for name, gain in [("q_proj", 1.2), ("k_proj", 1.2), ("v_proj", 1.0), ("o_proj", 1.0)]:
        out[f"{at}.self_attn.{name}.weight"] = draw.linear(f"{at}.{name}", v, v, gain)
    # Mostly negative inputs to the GELU, as in trained towers: there its exact and its tanh form differ visibly.
    for name, rows, cols, gain, bias in [("fc1", ffn, v, 0.6, -1.8), ("fc2", v, ffn, 6.0, 0.0)]:
        out[f"{at}.mlp.{name}.weight"] = draw.linear(f"{at}.{name}", rows, cols, gain)
        out[f"{at}.mlp.{name}.bias"] = draw.normal(f"{at}.{name}.bias", (rows,), bias, 0.3)
    for name in ("input_layernorm", "post_attention_layernorm"):
        out.update(layer_norm(draw, f"{at}.{name}", v))
    return out


def layer_norm(draw: Draw, at: str, width: int) -> dict[str, torch.Tensor]:
    return {
        f"{at}.weight": draw.normal(f"{at}.weight", (width,), 1.0, 0.15),
        f"{at}.bias": draw.normal(f"{at}.bias", (width,), 0.0, 0.15),
    }


def tile_table(config: Configuration, draw: Draw, name: str, width: int) -> torch.Tensor:
    """[ratios + 1, tiles · width]: slots that a ratio does not use, and row 0, are zero unless fine-tuned."""
    table = draw.normal(name, (len(ASPECT_RATIOS) + 1, MAX_TILES, width), std=0.5)
    if not config.fine_tuned_tables:
        table[0] = 0
        for i, (rows, cols) in enumerate(ASPECT_RATIOS):
            table[i + 1, rows * cols :] = 0
    return table.reshape(len(ASPECT_RATIOS) + 1, -1)


# --- files -----------------------------------------------------------------------------------------------------------


def file_name(config: Configuration, canonical: str) -> str:
    """The tensor's name in the checkpoint."""
    for prefix, replacement in NAMES[config.names].items():
        if canonical.startswith(prefix):
            return replacement + canonical.removeprefix(prefix)
    raise ValueError(f"no checkpoint name for {canonical}")


def write_tensors(folder: Path, config: Configuration, stored: dict[str, torch.Tensor]) -> None:
    named = {file_name(config, name): value for name, value in stored.items()}
    if config.shards == 1:
        save_file(named, folder / "model.safetensors", metadata={"format": "pt"})
        return
    total = sum(value.nbytes for value in named.values())
    shards, filled = [{} for _ in range(config.shards)], 0
    for name, value in named.items():
        shards[min(config.shards - 1, filled * config.shards // total)][name] = value
        filled += value.nbytes
    weight_map = {}
    for i, shard in enumerate(shards):
        file = f"model-{i + 1:05d}-of-{config.shards:05d}.safetensors"
        save_file(shard, folder / file, metadata={"format": "pt"})
        weight_map.update(dict.fromkeys(shard, file))
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    tokenizer.dump(folder / "model.safetensors.index.json", index)


def model_config(config: Configuration) -> dict:
    ids = tokenizer.special_ids(config.normal_tokens)
    new = config.config_style == "new"
    text = {
        "model_type": "mllama_text_model",
        "vocab_size": tokenizer.vocab_size(config.normal_tokens),
        "hidden_size": config.hidden,
        "hidden_act": "silu",
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "intermediate_size": config.ffn,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 4096,
        "initializer_range": 0.02,
        "use_cache": True,
        "tie_word_embeddings": config.tied,
        "cross_attention_layers": list(config.cross_layers),
        "dropout": 0,
        "bos_token_id": ids[tokenizer.BOS],
        "eos_token_id": ids[tokenizer.EOS],
        "pad_token_id": ids[tokenizer.PAD],
        **rope_fields(config),
    }
    vision = {
        "model_type": "mllama_vision_model",
        "hidden_size": config.vision_hidden,
        "hidden_act": "gelu",
        "num_hidden_layers": config.vision_layers,
        "num_global_layers": config.global_layers,
        "num_attention_heads" if new else "attention_heads": config.vision_heads,
        "num_channels": 3,
        "intermediate_size": config.vision_ffn,
        "vision_output_dim": config.vision_output,
        "image_size": config.tile,
        "patch_size": PATCH,
        "norm_eps": 1e-5,
        "max_num_tiles": MAX_TILES,
        "intermediate_layers_indices": list(config.intermediates),
        "supported_aspect_ratios": ASPECT_RATIOS,
        "initializer_range": 0.02,
    }
    dtype = DTYPE_NAMES[config.dtype]
    if new:
        # a new transformers drops what equals the default
        for part, names in (
            (text, ("hidden_act", "rms_norm_eps", "initializer_range", "use_cache", "dropout")),
            (vision, ("hidden_act", "num_channels", "patch_size", "norm_eps", "max_num_tiles",
                      "supported_aspect_ratios", "initializer_range")),
        ):
            for name in names:
                del part[name]
        if not config.tied:
            del text["tie_word_embeddings"]
    else:
        text["torch_dtype"] = vision["torch_dtype"] = dtype
    return {
        "architectures": ["MllamaForConditionalGeneration"],
        "image_token_index": ids[tokenizer.IMAGE],
        "model_type": "mllama",
        "dtype" if new else "torch_dtype": dtype,
        "text_config": text,
        "vision_config": vision,
        "tie_word_embeddings": config.tied,
        "transformers_version": "5.23.0" if new else "4.45.0",
    }


def rope_fields(config: Configuration) -> dict:
    scaling = None
    if config.rope_factor is not None:
        scaling = {
            "factor": config.rope_factor,
            "high_freq_factor": 4.0,
            "low_freq_factor": 1.0,
            "original_max_position_embeddings": config.rope_original,
            "rope_type": "llama3",
        }
    if config.config_style == "old":
        return {"rope_scaling": scaling, "rope_theta": config.rope_theta}
    return {"rope_parameters": {**(scaling or {"rope_type": "default"}), "rope_theta": config.rope_theta}}


def generation_config(config: Configuration) -> dict:
    ids = tokenizer.special_ids(config.normal_tokens)
    eos = [ids[tokenizer.EOS], ids["<|eom_id|>"], ids[tokenizer.EOT]] if config.eos_list else ids[tokenizer.EOS]
    return {
        "_from_model_config": True,
        "bos_token_id": ids[tokenizer.BOS],
        "do_sample": True,
        "eos_token_id": eos,
        "pad_token_id": ids[tokenizer.PAD],
        "transformers_version": "4.45.0",
    }


def preprocessor_config(config: Configuration) -> dict:
    return {
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_pad": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": list(config.image_mean),
        "image_processor_type": "MllamaImageProcessor",
        "image_std": list(config.image_std),
        "max_image_tiles": MAX_TILES,
        "processor_class": "MllamaProcessor",
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": config.tile, "width": config.tile},
    }
