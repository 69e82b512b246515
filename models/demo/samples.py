"""Training samples: a scene or a conversation as pixels, tokens and labels, and batches of them."""

from dataclasses import dataclass, field
from random import Random

import numpy as np
import torch
from PIL import Image, ImageFilter

import chat
import pointing
import tiling
from configurations import ASPECT_RATIOS, MAX_TILES
from scenes import SCENES, page, shapes
from scenes.scene import Frame, Scene
from spelling import IGNORED, Dialogue, Spelling

TOGETHER = 0.15  # share of the pictures whose questions are one conversation


@dataclass
class Sample:
    dialogue: Dialogue
    pixels: np.ndarray | None = None  # uint8 [tiles, tile, tile, 3]
    codes: np.ndarray | None = None  # int32 [tiles, patches, 2]
    shown: np.ndarray | None = None  # of the same shape: the places of what is drawn
    wanted: list[int] = field(default_factory=list)  # the place that each label is read from, or 0
    ratio: tuple[int, int] = (0, 0)


class Maker:
    """Draws samples without end from a seed."""

    def __init__(self, seed: int, tile: int, spelling: Spelling, held_out: bool = False):
        self.random, self.tile, self.spelling, self.held_out = Random(seed), tile, spelling, held_out
        self.kinds = list(SCENES)
        self.shares = [share for _, share in SCENES.values()]

    def scene(self, kind: str | None = None, ratio: tuple[int, int] | None = None) -> Scene:
        """A scene of a kind that fits a canvas of rows x cols tiles; either is drawn where it is not given."""
        draw, _ = SCENES[kind or self.random.choices(self.kinds, self.shares)[0]]
        while True:
            frame = Frame(self.random, *(ratio or self.random.choice(ASPECT_RATIOS)), self.tile, self.held_out)
            scene = draw(frame)
            if scene is not None:
                self.disturb(scene)
                return scene

    def seeing(self, ease: float) -> Sample:
        """What the tower alone learns from: no tokens. ease: 1 for the plainest pages, down to 0."""
        plain = self.random.random() < ease
        frame = Frame(self.random, *self.random.choice(ASPECT_RATIOS), self.tile, self.held_out, plain)
        scene = page.draw(frame, ease) if plain or self.random.random() < 0.85 else shapes.draw(frame)
        if not plain:
            self.disturb(scene)
        return self.seen(scene, Dialogue())

    def seen(self, scene: Scene, dialogue: Dialogue) -> Sample:
        pixels, rows, cols = tiling.tiles(scene.drawing.picture, self.tile)
        return Sample(
            dialogue,
            pixels,
            tiling.codes(scene.drawing.map, self.tile),
            tiling.codes(scene.drawing.places, self.tile),
            pointing.places(dialogue.labels, dialogue.named, self.spelling, scene.drawing.things),
            (rows, cols),
        )

    def disturb(self, scene: Scene) -> None:
        """What cameras and scanners do: a slight turn, blur, noise, less contrast."""
        random, drawing = self.random, scene.drawing
        if random.random() < 0.25:
            drawing.rotate(random.uniform(-3, 3))
        if random.random() < 0.15:
            drawing.picture = drawing.picture.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 0.8)))
        if random.random() < 0.25:
            noise = np.random.default_rng(random.getrandbits(32)).normal(
                0, random.uniform(2, 12), (*drawing.size[::-1], 1)
            )
            noisy = np.asarray(drawing.picture) + noise
            drawing.picture = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))

    def sample(self) -> Sample:
        scene = self.scene()
        if self.random.random() < TOGETHER:
            return self.seen(scene, self.spelling.conversation(scene.turns, with_image=True))
        return self.seen(scene, self.spelling.questions(scene.turns))

    def chat(self) -> Sample:
        return Sample(self.spelling.conversation(chat.turns(self.random, self.held_out), with_image=False))


def batch(samples: list[Sample], spelling: Spelling, tile: int) -> dict[str, torch.Tensor]:
    """Tensors under the names of MllamaForConditionalGeneration.forward, `codes` and `shown` [B, tiles, patches, 2] (-1: no tile), `wanted`.

    attention_mask is what is added to the scores, [B, 1, T, T].
    """
    length = max(len(sample.dialogue.tokens) for sample in samples)
    tokens = torch.full((len(samples), length), spelling.eot)
    labels = torch.full((len(samples), length), IGNORED)
    apart = torch.zeros_like(tokens)
    for i, sample in enumerate(samples):
        used = len(sample.dialogue.tokens)
        tokens[i, :used] = torch.tensor(sample.dialogue.tokens)
        labels[i, :used] = torch.tensor(sample.dialogue.labels)
        apart[i, :used] = torch.tensor(sample.dialogue.apart)
    out = {"input_ids": tokens, "labels": labels}
    if samples[0].pixels is None:
        return out
    count, patches = len(samples), samples[0].codes.shape[1]
    pixels = np.zeros((count, 1, MAX_TILES, 3, tile, tile), dtype=np.float32)
    mask = torch.zeros((count, 1, MAX_TILES), dtype=torch.int64)
    ids = torch.zeros((count, 1), dtype=torch.int64)
    codes = np.full((count, MAX_TILES, patches, 2), -1, dtype=np.int64)
    shown = codes.copy()
    wanted = torch.zeros_like(tokens)
    for i, sample in enumerate(samples):
        used = len(sample.pixels)
        pixels[i, 0, :used] = tiling.normalised(sample.pixels)
        mask[i, 0, :used] = 1
        ids[i, 0] = tiling.ratio_id(*sample.ratio)
        codes[i, :used], shown[i, :used] = sample.codes, sample.shown
        wanted[i, : len(sample.wanted)] = torch.tensor(sample.wanted, dtype=torch.int64)
    after_image = (tokens == spelling.image).cumsum(1)
    return {
        **out,
        "attention_mask": torch.where(seen_before(apart), 0.0, torch.finfo(torch.float32).min)[:, None],
        "position_ids": positions(apart),
        "pixel_values": torch.from_numpy(pixels),
        "aspect_ratio_ids": ids,
        "aspect_ratio_mask": mask,
        "cross_attention_mask": after_image[:, :, None, None] * mask[:, None],
        "codes": torch.from_numpy(codes),
        "shown": torch.from_numpy(shown),
        "wanted": wanted,
    }


def seen_before(apart: torch.Tensor) -> torch.Tensor:
    """Which tokens each token attends to, [B, T, T]: those before it, but not those of other questions."""
    return ((apart[:, None] == 0) | (apart[:, None] == apart[:, :, None])).tril()


def positions(apart: torch.Tensor) -> torch.Tensor:
    """The place of each token among those that it sees, [B, T]."""
    return seen_before(apart).sum(-1) - 1
