"""One turn of Hugging Face transformers: the same shapes, random weights, SDPA attention.

    python3 transformers_turn.py decode|image <config.json> [--device cuda|cpu] [--dtype bfloat16|float32|faster] …

Prints one JSON line: tokens/s of `generate` without a picture, or ms of the vision tower and the projector; and the type.
"""

import argparse
import contextlib
import copy
import functools
import json
import time

import torch
from transformers import MllamaConfig, MllamaForConditionalGeneration, MllamaVisionModel
from transformers.generation.streamers import BaseStreamer

PROMPT = 16


class Clock(BaseStreamer):
    """Notes when each token arrives; the first call brings the prompt."""

    def __init__(self):
        self.times = []

    def put(self, value):
        self.times.append(time.perf_counter())

    def end(self):
        pass


def read_config(path: str) -> MllamaConfig:
    with open(path, encoding="utf8") as file:
        config = MllamaConfig.from_dict(json.load(file))
    for part in (config, config.text_config, config.vision_config):
        part._attn_implementation = "sdpa"
    return config


@contextlib.contextmanager
def made_as(dtype: torch.dtype, device: str):
    """Where modules are made in a type and on a device."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(before)


def load_model(config: MllamaConfig, dtype: torch.dtype, device: str) -> MllamaForConditionalGeneration:
    with made_as(dtype, device):
        model = MllamaForConditionalGeneration(config)
    model.generation_config.eos_token_id = None  # exactly as many tokens as asked for
    return model.eval()


def load_tower(config: MllamaConfig, dtype: torch.dtype, device: str) -> torch.nn.ModuleDict:
    """The vision tower and the projector alone: in F32 the rest of a large model would not fit into memory."""
    with made_as(dtype, device):
        projector = torch.nn.Linear(config.vision_config.vision_output_dim, config.text_config.hidden_size)
        return torch.nn.ModuleDict({"vision": MllamaVisionModel(config.vision_config), "projector": projector}).eval()


def faster_dtype(config: MllamaConfig, device: str, tiles: int) -> torch.dtype:
    """By one layer of the tower, which all have the same work: where a processor lacks a type, all would take hours."""
    small = copy.deepcopy(config)
    vision = small.vision_config
    vision.num_hidden_layers, vision.num_global_layers, vision.intermediate_layers_indices = 1, 1, [0]
    vision.vision_output_dim = 2 * vision.hidden_size  # of the last layer and of the intermediate one
    times = {}
    for dtype in (torch.float32, torch.bfloat16):
        tower = load_tower(small, dtype, device)
        image(tower, vision, device, tiles)
        times[dtype] = image(tower, vision, device, tiles)
    return min(times, key=times.get)


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def decode(model, device: str, tokens: int) -> float:
    ids = torch.randint(0, 256, (1, PROMPT), device=device)
    clock = Clock()
    model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=tokens + 1,
        do_sample=False,
        streamer=clock,
    )
    first, last = clock.times[1], clock.times[-1]
    if len(clock.times) != tokens + 2:
        raise RuntimeError(f"{len(clock.times) - 1} tokens came, not {tokens + 1}")
    return tokens / (last - first)


def image(tower: torch.nn.ModuleDict, vision, device: str, tiles: int) -> float:
    size = vision.image_size
    ratios = [(rows, cols) for rows, cols in vision.supported_aspect_ratios]
    shape = min((ratio for ratio in ratios if ratio[0] * ratio[1] == tiles), key=lambda ratio: abs(ratio[0] - ratio[1]))
    dtype = tower["projector"].weight.dtype
    pixels = torch.randn(1, 1, vision.max_num_tiles, 3, size, size, dtype=dtype, device=device)
    mask = torch.zeros(1, 1, vision.max_num_tiles, dtype=torch.long, device=device)
    mask[..., :tiles] = 1
    ids = torch.tensor([[ratios.index(shape) + 1]], device=device)
    synchronize(device)
    start = time.perf_counter()
    states = tower["vision"](pixel_values=pixels, aspect_ratio_ids=ids, aspect_ratio_mask=mask)[0]
    tower["projector"](states)
    synchronize(device)
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["decode", "image"])
    parser.add_argument("config")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--dtype", choices=["bfloat16", "float32", "faster"], default="bfloat16")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: PyTorch's own choice")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--tiles", type=int, default=4)
    args = parser.parse_args()
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    config = read_config(args.config)
    with torch.inference_mode():
        dtype = faster_dtype(config, args.device, args.tiles) if args.dtype == "faster" else getattr(torch, args.dtype)
    if args.task == "decode":
        model = load_model(config, dtype, args.device)
        once = functools.partial(decode, model, args.device, args.tokens)
    else:
        tower = load_tower(config, dtype, args.device)
        once = functools.partial(image, tower, config.vision_config, args.device, args.tiles)

    with torch.inference_mode():
        once()
        values = [once() for _ in range(args.repeat)]
    print(json.dumps({"values": values, "dtype": str(dtype).removeprefix("torch.")}))


if __name__ == "__main__":
    main()
