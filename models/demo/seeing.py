"""What the tower is taught beside the answers: which character or shape stands in each half of a patch.

A layer on top of the projector, used in training alone. Hangul is taught by its letters, so that rare syllables profit from
frequent ones.
"""

import torch
from torch import nn
from torch.nn import functional

import phrases
from drawing import SHAPE_BASE

ASCII = range(33, 127)
SHAPES = len(phrases.SHAPES) * 16
HANGUL = 1 + len(ASCII) + SHAPES  # 0 is nothing, then ASCII, then shapes, then all of Hangul
PARTS = (HANGUL + 1, 19, 21, 28)  # class; initial, vowel and final of a syllable
EMPTY_WEIGHT = 0.1  # most patches show nothing


def targets(codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Classes [N], and the letters [N, 3] of those that are Hangul (-100 elsewhere)."""
    classes = torch.zeros_like(codes)
    plain = (codes >= ASCII.start) & (codes < ASCII.stop)
    classes[plain] = codes[plain] - ASCII.start + 1
    shapes = (codes >= SHAPE_BASE) & (codes < SHAPE_BASE + SHAPES)
    classes[shapes] = codes[shapes] - SHAPE_BASE + 1 + len(ASCII)
    hangul = (codes >= 0xAC00) & (codes <= 0xD7A3)
    classes[hangul] = HANGUL
    index = codes - 0xAC00
    letters = torch.stack([index // 588, index // 28 % 21, index % 28], dim=-1)
    return classes, letters.masked_fill(~hangul[..., None], -100)


class Seeing(nn.Module):
    def __init__(self, hidden: int):
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.head = nn.Linear(hidden, 2 * sum(PARTS))

    def forward(self, states: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss, and the share of half patches with something in them that are right.

        states: [B, tiles, 1 + patches, hidden]; codes: [B, tiles, patches, 2], -1 where there is no tile.
        """
        shown = codes[:, :, 0, 0] >= 0
        codes = codes[shown].flatten()
        scores = self.head(self.norm(states[:, :, 1:][shown])).float().view(len(codes), sum(PARTS))
        kind, *letters = scores.split(PARTS, dim=-1)
        classes, parts = targets(codes)
        weights = torch.ones(PARTS[0], device=scores.device)
        weights[0] = EMPTY_WEIGHT
        loss = functional.cross_entropy(kind, classes, weights)
        right = kind.argmax(-1) == classes
        hangul = classes == HANGUL
        for i, letter in enumerate(letters):
            loss = (
                loss
                + functional.cross_entropy(letter[hangul], parts[hangul, i], reduction="sum")
                / hangul.sum().clamp(min=1)
                / 2
            )
            right &= ~hangul | (letter.argmax(-1) == parts[:, i])
        return loss, right[classes > 0].float().mean()
