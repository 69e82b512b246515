"""One turn of mistral.rs: tokens per second of a prompt, or of the tokens after one.

    python3 mistral_rs_turn.py <text.gguf> [--prompt n] [--tokens n] [--repeat n]

Prints one JSON line. A prompt is a text here, so the tokens that it came to are counted.
"""

import argparse
import itertools
import json
import time
from pathlib import Path

from mistralrs import CompletionRequest, Runner, Which

WORDS = ["spring", "summer", "autumn", "winter", "north", "south", "east"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--prompt", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    which = Which.GGUF(quantized_model_id=str(args.model.parent), quantized_filename=args.model.name)
    runner = Runner(which, no_paged_attn=True, prefix_cache_n=0)
    numbers = itertools.count()

    def request(tokens: int) -> tuple[float, int]:
        """Seconds until so many tokens are there, by our own clock: its own says 0 at times; and tokens of the prompt."""
        words = [WORDS[(next(numbers) * 3 + i * i) % len(WORDS)] for i in range(args.prompt)]
        options = {"model": "default", "max_tokens": tokens, "temperature": 0.0, "ignore_eos": True}
        start = time.perf_counter()
        usage = runner.send_completion_request(CompletionRequest(prompt=" ".join(words), **options)).usage
        if usage.completion_tokens != tokens:
            raise RuntimeError(f"{usage.completion_tokens} tokens came, not {tokens}")
        return time.perf_counter() - start, usage.prompt_tokens

    def once() -> float:
        first, n_prompt = request(1)
        if args.tokens == 0:
            return n_prompt / first
        return args.tokens / (request(args.tokens + 1)[0] - first)

    once()
    print(json.dumps({"values": [once() for _ in range(args.repeat)]}))


if __name__ == "__main__":
    main()
