"""Hugging Face transformers as a peer: the same shapes, random weights in BF16, SDPA attention.

    python3 peer_transformers.py decode|image <config.json> [--device cuda|cpu] [--threads n] [--repeat n] …

Prints one JSON line: tokens/s of `generate` without a picture, or ms of the vision tower and the projector.
"""

import argparse
import json
import time

import torch
from transformers import MllamaConfig, MllamaForConditionalGeneration
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


def load(path: str, device: str) -> MllamaForConditionalGeneration:
    with open(path, encoding="utf8") as file:
        config = MllamaConfig.from_dict(json.load(file))
    config._attn_implementation = "sdpa"
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            model = MllamaForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    model.generation_config.eos_token_id = None  # exactly as many tokens as asked for
    return model.eval()


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


def image(model, device: str, tiles: int) -> float:
    vision = model.config.vision_config
    size = vision.image_size
    ratios = [(rows, cols) for rows, cols in vision.supported_aspect_ratios]
    shape = min((ratio for ratio in ratios if ratio[0] * ratio[1] == tiles), key=lambda ratio: abs(ratio[0] - ratio[1]))
    pixels = torch.randn(1, 1, vision.max_num_tiles, 3, size, size, dtype=torch.bfloat16, device=device)
    mask = torch.zeros(1, 1, vision.max_num_tiles, dtype=torch.long, device=device)
    mask[..., :tiles] = 1
    ids = torch.tensor([[ratios.index(shape) + 1]], device=device)
    synchronize(device)
    start = time.perf_counter()
    states = model.model.vision_model(pixel_values=pixels, aspect_ratio_ids=ids, aspect_ratio_mask=mask)[0]
    model.model.multi_modal_projector(states)
    synchronize(device)
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["decode", "image"])
    parser.add_argument("config")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: PyTorch's own choice")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--tiles", type=int, default=4)
    args = parser.parse_args()
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    model = load(args.config, args.device)

    def once() -> float:
        if args.task == "decode":
            return decode(model, args.device, args.tokens)
        return image(model, args.device, args.tiles)

    with torch.inference_mode():
        once()
        values = [once() for _ in range(args.repeat)]
    print(json.dumps({"values": values}))


if __name__ == "__main__":
    main()
