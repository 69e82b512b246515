"""Mllama written once more, from the formulas alone: no transformers code, for row mode `meta` and as a cross-check.

Weights come under the canonical names of checkpoint.py. Shapes: n tokens, D text width, S image rows (images · 4 · P).
"""

import math

import torch
import torch.nn.functional as F

from configurations import MAX_TILES, PATCH, Configuration

Weights = dict[str, torch.Tensor]


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """softmax(q·k / √d)·v over allowed keys. q [n, heads, d], k and v [m, kv, d], allowed [n, m] -> [n, heads·d]."""
    repeat = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeat, dim=1), v.repeat_interleave(repeat, dim=1)
    scores = torch.einsum("nhd,mhd->hnm", q, k) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~allowed, -math.inf)
    return torch.einsum("hnm,mhd->nhd", scores.softmax(dim=-1), v).flatten(1)


# --- vision ----------------------------------------------------------------------------------------------------------


def encode_image(config: Configuration, w: Weights, pixels: torch.Tensor, ratio_id: int, tiles: int) -> torch.Tensor:
    """pixels [4, 3, T, T], zeros in tiles ≥ `tiles` -> features [4·P, vision_output], intermediates interleaved."""
    v, positions, side = config.vision_hidden, config.positions, config.tile // PATCH
    patches = pixels.reshape(MAX_TILES, 3, side, PATCH, side, PATCH).permute(0, 2, 4, 1, 3, 5)
    x = patches.reshape(MAX_TILES, side * side, -1) @ w["vision.patch_embedding.weight"].flatten(1).T
    x = x + tile_embedding(w, "pre_tile_positional_embedding", ratio_id, v)
    x = torch.cat([w["vision.class_embedding"].expand(MAX_TILES, 1, v), x], dim=1)

    at = "vision.gated_positional_embedding."
    gate = torch.tanh(w[at + "gate"])
    by_tile = w[at + "tile_embedding.weight"][ratio_id].reshape(MAX_TILES, positions, v)
    x = norm(w, "vision.layernorm_pre", x + (1 - gate) * w[at + "embedding"] + gate * by_tile)

    filler = -positions % 8
    x = F.pad(x, (0, 0, 0, filler))
    rows = positions + filler
    pad = torch.ones(MAX_TILES, rows, dtype=torch.bool)
    pad[:tiles, :positions] = False
    pad = pad.flatten()
    allowed = ~(pad[:, None] & pad[None, :])

    x, kept = x.flatten(0, 1), []
    for i in range(config.vision_layers):
        if i in config.intermediates:
            kept.append(x)
        x = vision_layer(config, w, f"vision.transformer.layers.{i}", x, allowed)
    x = norm(w, "vision.layernorm_post", x).reshape(MAX_TILES, rows, v)
    x = (x + tile_embedding(w, "post_tile_positional_embedding", ratio_id, v)).flatten(0, 1)
    for i in range(config.global_layers):
        x = vision_layer(config, w, f"vision.global_transformer.layers.{i}", x, allowed)

    features = torch.cat([x, torch.stack(kept, dim=-1).flatten(1)], dim=-1)
    return features.reshape(MAX_TILES, rows, -1)[:, :positions].flatten(0, 1)


def tile_embedding(w: Weights, name: str, ratio_id: int, width: int) -> torch.Tensor:
    table = w[f"vision.{name}.embedding.weight"][ratio_id].reshape(MAX_TILES, 1, width)
    return torch.tanh(w[f"vision.{name}.gate"]) * table


def norm(w: Weights, at: str, x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], w[at + ".weight"], w[at + ".bias"], 1e-5)


def vision_layer(config: Configuration, w: Weights, at: str, x: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    gate_attn, gate_ffn = (torch.tanh(w[f"{at}.{g}"]) if f"{at}.{g}" in w else 1.0 for g in ("gate_attn", "gate_ffn"))
    n = norm(w, f"{at}.input_layernorm", x)
    q, k, v = (
        (n @ w[f"{at}.self_attn.{p}_proj.weight"].T).unflatten(1, (config.vision_heads, config.vision_head_dim))
        for p in "qkv"
    )
    x = x + gate_attn * (attend(q, k, v, allowed) @ w[f"{at}.self_attn.o_proj.weight"].T)
    n = norm(w, f"{at}.post_attention_layernorm", x)
    inner = F.gelu(n @ w[f"{at}.mlp.fc1.weight"].T + w[f"{at}.mlp.fc1.bias"])
    return x + gate_ffn * (inner @ w[f"{at}.mlp.fc2.weight"].T + w[f"{at}.mlp.fc2.bias"])


def project(w: Weights, features: torch.Tensor) -> torch.Tensor:
    """features [rows, vision_output] -> cross states [rows, D]."""
    return features @ w["projector.weight"].T + w["projector.bias"]


# --- text ------------------------------------------------------------------------------------------------------------


def visible_images(ids: list[int], image_id: int) -> list[list[int]]:
    """For every token, the images it sees: those of the latest run of image tokens that have begun at or before it."""
    seen, runs, n_images, previous = [], [], 0, None
    for token in ids:
        if token == image_id:
            if previous != image_id:
                runs = []
            runs.append(n_images)
            n_images += 1
        seen.append(list(runs))
        previous = token
    return seen


def logits(
    config: Configuration, w: Weights, ids: list[int], image_id: int, states: list[torch.Tensor], tiles: list[int],
    row_mode: str,
) -> torch.Tensor:
    """Logits of every position, [n, vocab_size].

    states: cross states [4·P, D] per image; tiles: real tiles per image.
    row_mode: what a token that sees no image gets from a cross layer. `hf`: unmasked attention over all rows of all
    images, and no MLP. `meta`: nothing.
    """
    n = len(ids)
    x = w["text.embed_tokens.weight"][ids]
    angles = torch.arange(n).float()[:, None] * rope_frequencies(config)
    causal = torch.ones(n, n, dtype=torch.bool).tril()
    if states:
        memory = torch.cat(states)
        real = [torch.arange(MAX_TILES).repeat_interleave(config.positions) < t for t in tiles]
        seen = visible_images(ids, image_id)
        mask = torch.stack([torch.cat([r & (j in s) for j, r in enumerate(real)]) for s in seen])
        sees_any = mask.any(dim=1)
        mask = mask | ~sees_any[:, None]
        rows = sees_any.float()[:, None]
    for i in range(config.layers):
        at = f"text.layers.{i}."
        if i not in config.cross_layers:
            x = x + self_attention(config, w, at, rms_norm(x, w[at + "input_layernorm.weight"]), angles, causal)
            x = x + mlp(w, at, x)
        elif states:
            attention = cross_attention(config, w, at, rms_norm(x, w[at + "input_layernorm.weight"]), memory, mask)
            if row_mode == "meta":
                attention = rows * attention
            x = x + torch.tanh(w[at + "cross_attn_attn_gate"]) * attention
            x = x + torch.tanh(w[at + "cross_attn_mlp_gate"]) * rows * mlp(w, at, x)
    vocab = config.normal_tokens + 8
    head = w["text.embed_tokens.weight"][:vocab] if config.tied else w["head.weight"]
    return rms_norm(x, w["text.norm.weight"]) @ head.T


def rms_norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-5) * weight


def mlp(w: Weights, at: str, x: torch.Tensor) -> torch.Tensor:
    n = rms_norm(x, w[at + "post_attention_layernorm.weight"])
    gate, up = n @ w[at + "mlp.gate_proj.weight"].T, n @ w[at + "mlp.up_proj.weight"].T
    return (F.silu(gate) * up) @ w[at + "mlp.down_proj.weight"].T


def heads(config: Configuration, w: Weights, name: str, x: torch.Tensor) -> torch.Tensor:
    return (x @ w[name + ".weight"].T).unflatten(1, (-1, config.head_dim))


def self_attention(config, w, at, x, angles, causal) -> torch.Tensor:
    q, k, v = (heads(config, w, f"{at}self_attn.{p}_proj", x) for p in "qkv")
    return attend(rotate(q, angles), rotate(k, angles), v, causal) @ w[at + "self_attn.o_proj.weight"].T


def cross_attention(config, w, at, x, memory, mask) -> torch.Tensor:
    q = rms_norm(heads(config, w, at + "cross_attn.q_proj", x), w[at + "cross_attn.q_norm.weight"])
    k = rms_norm(heads(config, w, at + "cross_attn.k_proj", memory), w[at + "cross_attn.k_norm.weight"])
    v = heads(config, w, at + "cross_attn.v_proj", memory)
    return attend(q, k, v, mask) @ w[at + "cross_attn.o_proj.weight"].T


def rotate(x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """RoPE on pairs (i, i + d/2). x [n, heads, d], angles [n, d/2]."""
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def rope_frequencies(config: Configuration) -> torch.Tensor:
    """[d/2] radians per position, with llama3 scaling: long waves slowed by the factor, short ones kept."""
    half = config.head_dim // 2
    out = []
    for i in range(half):
        frequency = config.rope_theta ** (-i / half)
        if config.rope_factor is not None:
            turns = config.rope_original * frequency / (2 * math.pi)  # over the original context
            smooth = min(max((turns - 1.0) / (4.0 - 1.0), 0.0), 1.0)  # low_freq_factor 1, high_freq_factor 4
            frequency *= smooth + (1 - smooth) / config.rope_factor
        out.append(frequency)
    return torch.tensor(out)
