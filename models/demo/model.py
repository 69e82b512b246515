"""The model: its sizes, transformers' own classes with fresh weights, and the checkpoint folder it is saved as."""

import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import MllamaConfig, MllamaForConditionalGeneration
from transformers.models.mllama import modeling_mllama

import vocabulary
import checkpoint
import tokenizer
from configurations import ASPECT_RATIOS, MAX_TILES, PATCH, Configuration

DEMO = Configuration(
    name="demo",
    head_dim=32,
    heads=6,
    kv_heads=2,
    ffn=352,
    layers=7,
    cross_layers=(1, 3, 5),
    rope_factor=8.0,
    rope_original=1024,
    tile=112,
    vision_head_dim=32,
    vision_heads=6,
    vision_ffn=544,
    vision_layers=4,
    global_layers=1,
    intermediates=(2,),
    normal_tokens=len(vocabulary.model()[0]),
    names="new",
    config_style="new",
    dtype="F32",
    shards=1,
    template_file="chat_template.jinja",
    eos_list=True,
)


DEVICE = "cuda" if torch.cuda.is_available() else "cpu"  # that the training runs on

# Other processors only emulate BF16. Compiled, in BF16, the backward pass of "eager" is the fastest.
NARROW = DEVICE == "cuda" or torch.cpu._is_avx512_bf16_supported()
ATTENTION = "eager" if NARROW else "sdpa"


def fresh(config: Configuration, seed: int) -> MllamaForConditionalGeneration:
    """New weights, of a scale that suits so narrow a model: with transformers' own it learns nothing for long.

    Gates start half open: a closed one lets no gradient through.
    """
    torch.manual_seed(seed)
    described = MllamaConfig.from_dict(checkpoint.model_config(config))
    described.vision_config.intermediate_layers_indices = [
        i - 1 for i in config.intermediates
    ]  # leaving i - 1 is entering i
    described._attn_implementation = ATTENTION
    model = MllamaForConditionalGeneration(described)
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear) and name != "lm_head":
                adds = name.endswith(("o_proj", "fc2", "down_proj"))  # to the residual
                module.weight.normal_(std=module.in_features**-0.5 * (0.5 if adds else 1.0))
        for name, parameter in model.named_parameters():
            if name.endswith(("cross_attn_attn_gate", "cross_attn_mlp_gate", "gate_attn", "gate_ffn")):
                parameter.fill_(1.0)
            elif name.endswith(".gate"):
                parameter.fill_(0.5)
        vision = model.model.vision_model
        vision.patch_embedding.weight.copy_(strokes(config.vision_hidden))
        positions = torch.stack([canvas_positions(config, *ratio) for ratio in ASPECT_RATIOS])
        vision.gated_positional_embedding.tile_embedding.weight[1:] = positions
        close_unused_tiles(model)
    return model


def strokes(count: int) -> torch.Tensor:
    """Filters of patches, [count, 3, PATCH, PATCH]: smooth noise, mostly grey and mostly blind to a plain surface."""
    filters = torch.randn(count, 3, PATCH + 4, PATCH + 4)
    filters[: count * 3 // 4] = filters[: count * 3 // 4, :1]
    for _ in range(2):
        filters = torch.nn.functional.avg_pool2d(filters, 3, 1)
    filters[: count * 2 // 3] -= filters[: count * 2 // 3].mean((1, 2, 3), keepdim=True)
    return 0.5 * filters / filters.flatten(1).norm(dim=1)[:, None, None, None]


def canvas_positions(config: Configuration, rows: int, cols: int) -> torch.Tensor:
    """Where each patch lies on the canvas, as waves of both axes: [MAX_TILES * positions * vision_hidden].

    Neighbours are alike from the start, in whichever tile they lie; from random tables that takes long to learn.
    """
    side = config.tile // PATCH
    waves = torch.logspace(math.log10(1.5), math.log10(0.05), config.vision_hidden // 4)  # radians per patch
    places = torch.arange(MAX_TILES * side)[:, None] * waves
    axis = torch.cat([places.sin(), places.cos()], dim=-1)
    table = torch.zeros(MAX_TILES, config.positions, config.vision_hidden)
    for tile in range(rows * cols):
        down = axis[tile // cols * side :][:side, None].expand(side, side, -1)
        right = axis[tile % cols * side :][None, :side].expand(side, side, -1)
        table[tile, 1:] = torch.cat([down, right], dim=-1).flatten(0, 1)
    return table.flatten()


@torch.no_grad()
def close_unused_tiles(model: MllamaForConditionalGeneration) -> None:
    """Zeroes what the tile tables hold for tiles that a ratio does not have: all padding tiles are then alike."""
    for module in model.modules():
        if isinstance(module, modeling_mllama.MllamaPrecomputedAspectRatioEmbedding):
            table = module.embedding.weight
        elif isinstance(module, modeling_mllama.MllamaPrecomputedPositionEmbedding):
            table = module.tile_embedding.weight
        else:
            continue
        slots = table.view(len(ASPECT_RATIOS) + 1, MAX_TILES, -1)
        slots[0] = 0
        for i, (rows, cols) in enumerate(ASPECT_RATIOS):
            slots[i + 1, rows * cols :] = 0


def save(model: MllamaForConditionalGeneration, folder: Path, config: Configuration) -> None:
    """A Hugging Face folder, which transformers loads and `bllossom convert` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.write(folder, tokenizer.described(*vocabulary.model()), config.normal_tokens, config.template_file)
    tokenizer.dump(folder / "config.json", checkpoint.model_config(config))
    tokenizer.dump(folder / "generation_config.json", checkpoint.generation_config(config))
    tokenizer.dump(folder / "preprocessor_config.json", checkpoint.preprocessor_config(config))
    weights = {name: value.detach().float().cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
