#!/usr/bin/env python3
"""Makes the reference data of the tests. `make.py --help` lists the commands; README.md describes what they write."""

import argparse
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here needs the hub

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


def make_goldens(args: argparse.Namespace) -> None:
    import cases
    import configurations
    import goldens

    if args.random is not None:
        config, seed = configurations.random_configuration(args.random), args.random
        out = args.out or Path(config.name)
    elif args.config:
        config, seed = configurations.read_configuration(args.config), args.seed or 1
        out = args.out or Path(config.name)
    else:
        for name in args.names or configurations.NAMED:
            goldens.make((args.out or FIXTURES / "goldens") / name, configurations.NAMED[name], args.seed or 1,
                         cases.NAMED[name], args.intermediates, goldens.LEAST_COSINE)
        return
    goldens.make(out, config, seed, cases.ALL, args.intermediates)


def make_preprocess(args: argparse.Namespace) -> None:
    import preprocess

    preprocess.make(args.out)


def make_tokens(args: argparse.Namespace) -> None:
    import tokens

    tokens.make(args.out)


def make_endless(args: argparse.Namespace) -> None:
    import endless

    endless.make(args.out)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("goldens", help="checkpoints, images, features, logits and greedy tokens")
    command.add_argument("names", nargs="*", help="named configurations (default: all of them)")
    command.add_argument("--config", type=Path, metavar="FILE", help="a configuration of your own, as JSON")
    command.add_argument("--random", type=int, metavar="SEED", help="a configuration drawn at random")
    command.add_argument("--seed", type=int, help="seed of the weights, images and prompts")
    command.add_argument("--intermediates", choices=["entering", "leaving"], default="entering",
                         help="which state of a local vision layer its index means (README.md)")
    command.add_argument("--out", type=Path, help="folder to write (default: test/fixtures/goldens)")
    command.set_defaults(run=make_goldens)

    command = commands.add_parser("preprocess", help="pictures of every kind and their canvases; sizes")
    command.add_argument("--out", type=Path, default=FIXTURES / "preprocess", help="folder to write")
    command.set_defaults(run=make_preprocess)

    command = commands.add_parser("tokens", help="lines of text, their ids, and the tokenizers")
    command.add_argument("--out", type=Path, default=FIXTURES / "tokens", help="folder to write")
    command.set_defaults(run=make_tokens)

    command = commands.add_parser("endless", help="a model that speaks in words and never stops, and a picture")
    command.add_argument("--out", type=Path, required=True, help="folder to write")
    command.set_defaults(run=make_endless)
    return parser.parse_args()


def main() -> None:
    import torch
    import transformers

    torch.set_num_threads(1)  # one order of summation
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()  # the missing head of a tied model is expected
    args = parse()
    args.run(args)


if __name__ == "__main__":
    main()
