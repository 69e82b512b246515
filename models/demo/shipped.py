"""The weights of a converted file under transformers' names, so that a training can go on from the model that is shipped.

The inverse of `bllossom convert` (lib/convert/plan.ts and transforms.ts) for a checkpoint with one intermediate state.
"""

import re
from pathlib import Path

import gguf
import torch

VISION, TEXT = "model.vision_model", "model.language_model"
RENAMES = (  # in this order
    (r"^v\.global\.blk\.(\d+)\.(attn|ffn)_gate$", rf"{VISION}.global_transformer.layers.\1.gate_\2"),
    (r"^v\.global\.blk", f"{VISION}.global_transformer.layers"),
    (r"^v\.blk", f"{VISION}.transformer.layers"),
    (r"^v\.(pre|post)_ln", rf"{VISION}.layernorm_\1"),
    (r"^v\.(pre|post)_tile_position_embd\.gate", rf"{VISION}.\1_tile_positional_embedding.gate"),
    (r"^v\.(pre|post)_tile_position_embd", rf"{VISION}.\1_tile_positional_embedding.embedding"),
    (r"^v\.position_embd\.gate", f"{VISION}.gated_positional_embedding.gate"),
    (r"^v\.position_embd\.weight", f"{VISION}.gated_positional_embedding.embedding"),
    (r"^v\.tile_position_embd", f"{VISION}.gated_positional_embedding.tile_embedding"),
    (r"^v\.(class|patch)_embd", rf"{VISION}.\1_embedding"),
    (r"^mm\.0", "model.multi_modal_projector"),
    (r"^blk", f"{TEXT}.layers"),
    (r"^token_embd", f"{TEXT}.embed_tokens"),
    (r"^output_norm", f"{TEXT}.norm"),
    (r"^output\b", "lm_head"),
    (r"\.cross_attn_([qkvo]_(?:proj|norm))", r".cross_attn.\1"),
    (r"\.attn_norm", ".input_layernorm"),
    (r"\.ffn_norm", ".post_attention_layernorm"),
    (r"\.attn_output", ".self_attn.o_proj"),
    (r"\.attn_([qkv])\b", r".self_attn.\1_proj"),
    (r"^(model\.vision.*)\.ffn_up", r"\1.mlp.fc1"),
    (r"^(model\.vision.*)\.ffn_down", r"\1.mlp.fc2"),
    (r"\.ffn_(gate|up|down)", r".mlp.\1_proj"),
)
DERIVED = "rope_freqs.weight"  # follows from the configuration


def renamed(name: str) -> str:
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def halves(matrix: torch.Tensor, head_dim: int) -> torch.Tensor:
    """Rows of self-attention q or k as transformers pairs them, j with j + half, from the file's neighbours."""
    return matrix.view(-1, head_dim // 2, 2, matrix.shape[1]).transpose(1, 2).reshape(matrix.shape)


def rows(table: torch.Tensor, old: list[str], new: list[str]) -> torch.Tensor:
    """A table of tokens, [tokens, hidden], in the order of a newer vocabulary; what is new begins as the mean."""
    places = {token: i for i, token in enumerate(old)}
    mean = table.mean(0)
    return torch.stack([table[places[token]] if token in places else mean for token in new])


def weights(file: Path, head_dim: int, tokens: list[str]) -> dict[str, torch.Tensor]:
    """As F32, whatever they are stored as; rows of the vocabulary for `tokens`, of which the image's is the last."""
    found, reader = {}, gguf.GGUFReader(file)
    old = reader.fields["tokenizer.ggml.tokens"].contents()
    for tensor in reader.tensors:
        if tensor.name == DERIVED:
            continue
        values = torch.from_numpy(gguf.quants.dequantize(tensor.data, tensor.tensor_type).copy())
        if re.fullmatch(r"blk\.\d+\.attn_[qk]\.weight", tensor.name):
            values = halves(values, head_dim)
        elif tensor.name == "token_embd.weight":
            values = torch.cat([rows(values, old, tokens), values[len(old) :]])
        elif tensor.name == "output.weight":
            values = rows(values, old[:-1], tokens[:-1])
        found[renamed(tensor.name)] = values
    return found
