#!/usr/bin/env python3
"""Trains the demo model from nothing, on pictures drawn as it goes.

    python models/demo/train.py <folder> [--steps n] [--from models/demo.gguf]

--from goes on from a finished model: the tower need not learn alone again, and the rate is lower. <folder> gets log.jsonl, state.pt (from which an interrupted run goes on) and, at the end, checkpoint/: a Hugging Face folder.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

import model as demo
import shipped
import vocabulary
import tokenizer
from muon import Muon
from pointing import Pointing
from samples import Maker, batch
from seeing import Seeing
from spelling import IGNORED, Spelling
from tokenizers import Tokenizer

SEED = 20261128
PICTURES, CHATS = 32, 48  # samples in a batch
SEEING_STEPS = 1800  # in which the tower learns alone
EASY_STEPS = 1000  # of them, until the pages are as varied as they get
WARMUP = 50  # steps
# Share of the optimizers' rate, and share of the steps in which it falls to nothing: of a fresh model, and of a finished one.
FRESH, GOING_ON = (1.0, 0.3), (0.5, 0.7)
HEADS_STEPS = 250  # in which the fresh heads of seeing and pointing learn from a finished model and do not change it
SEEING_WEIGHT, POINTING_WEIGHT = 1.0, 0.3
WINDOW = 8  # batches that are sorted by length together
CHAT_EVERY = 4  # batches of pictures to one of conversations


def spelling() -> Spelling:
    return Spelling(Tokenizer.from_str(json.dumps(tokenizer.described(*vocabulary.model()))))


class Batches(IterableDataset):
    """Batches without end; each worker and each start of the training draws its own."""

    def __init__(self, start: int):
        self.start = start

    def __iter__(self):
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        words = spelling()
        maker = Maker(SEED + 1000 * worker + self.start, demo.DEMO.tile, words)
        for step in range(self.start + worker, SEEING_STEPS, workers):
            ease = max(0.0, 1 - step / EASY_STEPS)
            yield batch([maker.seeing(ease) for _ in range(PICTURES)], words, demo.DEMO.tile)
        while True:
            samples = sorted(
                (maker.sample() for _ in range(WINDOW * PICTURES)), key=lambda sample: len(sample.dialogue.tokens)
            )
            groups = [samples[i : i + PICTURES] for i in range(0, len(samples), PICTURES)]
            maker.random.shuffle(groups)
            for i, group in enumerate(groups):
                yield batch(group, words, demo.DEMO.tile)
                if i % CHAT_EVERY == 0:
                    yield batch([maker.chat() for _ in range(CHATS)], words, demo.DEMO.tile)


class Training(torch.nn.Module):
    """The model and the layers that teach it to see and to point."""

    def __init__(self):
        super().__init__()
        self.model = demo.fresh(demo.DEMO, SEED)
        self.seeing = Seeing(demo.DEMO.hidden)
        self.pointing = Pointing(demo.DEMO.hidden, len(demo.DEMO.cross_layers))
        self.after: list[torch.Tensor] = []  # what the cross layers of the last pass gave
        for il in demo.DEMO.cross_layers:
            layer = self.model.model.language_model.layers[il]
            layer.register_forward_hook(lambda module, args, out: self.after.append(out))
        self.look, self.answer = self.look_plainly, self.answer_plainly
        if demo.NARROW:  # in F32 compiling gains nothing
            self.look, self.answer = torch.compile(self.look), torch.compile(self.answer, dynamic=True)

    def look_plainly(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """What the cross layers attend to: [B, tiles, 1 + patches, hidden]."""
        vision = {name: inputs[name] for name in ("pixel_values", "aspect_ratio_ids", "aspect_ratio_mask")}
        features = self.model.model.vision_model(**vision).last_hidden_state
        return self.model.model.multi_modal_projector(features)[:, 0]

    def answer_plainly(self, **inputs: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The last hidden states, and those after each cross layer: [B, T, hidden]."""
        self.after.clear()
        last = self.model.model(**inputs, use_cache=False).last_hidden_state
        return last, list(self.after)

    def forward(self, inputs: dict[str, torch.Tensor], heads_alone: bool = False) -> dict[str, torch.Tensor]:
        """Losses and, of the answers' tokens, whether each is right. heads_alone: seeing and pointing leave the model as it is."""
        out, ids = {}, inputs["input_ids"]
        if "pixel_values" in inputs:
            states = self.look(inputs)
            shown = states.detach() if heads_alone else states
            out["seeing"], out["seen"] = self.seeing(shown, inputs["codes"])
            if ids.shape[1] == 0:
                return out
            mask = inputs["cross_attention_mask"]
            hidden, after = self.answer(
                input_ids=ids,
                attention_mask=inputs["attention_mask"],
                position_ids=inputs["position_ids"],
                cross_attention_states=states.flatten(0, 1),
                cross_attention_mask=mask,
            )
            after = [hidden.detach() for hidden in after] if heads_alone else after
            out["pointing"] = self.point(after, shown, inputs["shown"], inputs["wanted"])
        else:
            hidden, _ = self.answer(input_ids=ids)
        labels = inputs["labels"][:, 1:]
        learned = labels != IGNORED
        logits = self.model.lm_head(hidden[:, :-1][learned]).float()
        out["answers"] = functional.cross_entropy(logits, labels[learned])
        out["right"] = learned.clone()
        out["right"][learned] = logits.argmax(-1) == labels[learned]
        return out

    def point(
        self, after: list[torch.Tensor], states: torch.Tensor, shown: torch.Tensor, wanted: torch.Tensor
    ) -> torch.Tensor:
        """The first cross layer is to find the character that was just read, the others the one that comes next."""
        first, *others = after
        loss = self.pointing(0, first, states, shown, wanted)
        for i, hidden in enumerate(others, 1):
            loss = loss + self.pointing(i, hidden[:, :-1], states, shown, wanted[:, 1:])
        return loss


def optimizers(training: Training) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside, AdamW for everything at the borders: tables, heads, norms, gates."""
    inside, border = [], []
    for name, parameter in training.named_parameters():
        matrix = parameter.ndim == 2 and "layers." in name or "multi_modal_projector.weight" in name
        (inside if matrix else border).append(parameter)
    steppers = [
        Muon(inside, lr=4e-3, weight_decay=0.05, momentum=0.95),
        torch.optim.AdamW(border, lr=2e-3, weight_decay=0.01, betas=(0.9, 0.98)),
    ]
    for stepper in steppers:
        for group in stepper.param_groups:
            group["initial_lr"] = group["lr"]
    return steppers


def rate(step: int, first: int, steps: int) -> float:
    """Share of the full rate: up from the first step, level, down to nothing."""
    most, decay = GOING_ON if first else FRESH
    return most * min(1.0, (step - first + 1) / WARMUP, max(0.0, (steps - step) / ((steps - first) * decay)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--from", dest="finished", type=Path, help="a converted model to go on from")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    training = Training().to(demo.DEVICE)
    steppers = optimizers(training)
    first = SEEING_STEPS if args.finished else 0
    step = restore(args.folder / "state.pt", training, steppers)
    if step == 0 and args.finished:
        step = first
        take_over(args.finished, training)
    loader = iter(DataLoader(Batches(step), batch_size=None, num_workers=args.workers, prefetch_factor=24))
    log = (args.folder / "log.jsonl").open("a", encoding="utf-8")
    begun, sums = time.monotonic(), {}
    while step < args.steps:
        inputs = {name: value.to(demo.DEVICE) for name, value in next(loader).items()}
        for stepper in steppers:
            for group in stepper.param_groups:
                group["lr"] = group["initial_lr"] * rate(step, first, args.steps)
        with torch.autocast(demo.DEVICE, torch.bfloat16, enabled=demo.NARROW):
            out = training(inputs, heads_alone=0 < first and step < first + HEADS_STEPS)
        loss = out.get("answers", 0.0) + SEEING_WEIGHT * out.get("seeing", 0.0)
        loss = loss + POINTING_WEIGHT * out.get("pointing", 0.0)
        loss.backward()
        for part in (training.model, training.seeing, training.pointing):
            torch.nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        for stepper in steppers:
            stepper.step()
            stepper.zero_grad(set_to_none=True)
        demo.close_unused_tiles(training.model)
        step += 1
        note(sums, inputs, out)
        if step % 50 == 0:
            entry = {"step": step, "seconds": round(time.monotonic() - begun, 1), **means(sums)}
            print(json.dumps(entry), file=log, flush=True)
            sums = {}
        if step % 500 == 0 or step == args.steps:
            keep(args.folder / "state.pt", training, steppers, step)
            demo.save(training.model, args.folder / "checkpoint", demo.DEMO)


def note(sums: dict[str, list[float]], inputs: dict, out: dict) -> None:
    """Losses, and shares of what is right: of half patches, of the answers' tokens, of whole dialogues."""
    values = {"seeing loss": out["seeing"], "seen": out["seen"]} if "seeing" in out else {}
    if "answers" in out:
        kind, idle = "pictures" if "seeing" in out else "chat", inputs["labels"][:, 1:] == IGNORED
        values |= {"pointing loss": out["pointing"]} if "pointing" in out else {}
        values[f"{kind} loss"] = out["answers"]
        values[f"{kind} tokens"] = out["right"].sum() / (~idle).sum()
        values[f"{kind} whole"] = (out["right"] | idle).all(1).float().mean()
    for name, value in values.items():
        sums.setdefault(name, []).append(value.item())


def means(sums: dict[str, list[float]]) -> dict[str, float]:
    return {name: round(sum(values) / len(values), 4) for name, values in sorted(sums.items())}


def keep(file: Path, training: Training, steppers: list[torch.optim.Optimizer], step: int) -> None:
    state = {
        "step": step,
        "weights": training.state_dict(),
        "optimizers": [stepper.state_dict() for stepper in steppers],
    }
    torch.save(state, file.with_suffix(".tmp"))
    file.with_suffix(".tmp").replace(file)


def restore(file: Path, training: Training, steppers: list[torch.optim.Optimizer]) -> int:
    """The step to go on from."""
    if not file.exists():
        return 0
    state = torch.load(file, map_location=demo.DEVICE)
    training.load_state_dict(state["weights"])
    for stepper, kept in zip(steppers, state["optimizers"]):
        for group, now in zip(kept["param_groups"], stepper.param_groups):
            group["initial_lr"] = now["initial_lr"]  # the rate is what the script says, not what it once said
        stepper.load_state_dict(kept)
    return state["step"]


def take_over(file: Path, training: Training) -> None:
    """Takes the weights of a finished model."""
    kept = shipped.weights(file, demo.DEMO.head_dim, vocabulary.tokens())
    training.model.load_state_dict({name: kept[name].view_as(now) for name, now in training.model.state_dict().items()})


if __name__ == "__main__":
    main()
