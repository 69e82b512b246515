"""What the decoder is taught beside the answers: where on the picture that stands which it reads or names.

A layer beside the cross layers, used in training alone. Without it the decoder finds its place by what it has just read, and goes
in circles where that occurs twice.
"""

import torch
from torch import nn

from spelling import IGNORED, Spelling

WIDTH = 64  # of queries and keys
PUNCTUATION = ".:"  # may follow what is read


def places(labels: list[int], named: list[int], spelling: Spelling, drawn: str) -> list[int]:
    """For each label the number in `drawn`, from 1, of the character that it repeats or of what it names; 0 where it does neither.

    Answers mostly follow the order of the picture. What does not is looked for, and found if it occurs only once.
    """
    found, at, run = named.copy(), 0, []
    for i, label in enumerate([*labels, IGNORED]):
        character = spelling.character(label)
        if character is not None:
            run.append((i, character))
            continue
        text = "".join(character for _, character in run)
        for read in (text, text.rstrip(PUNCTUATION)):
            start = at if drawn.startswith(read, at) else only(drawn, read)
            if read and start is not None:
                for offset, (position, _) in enumerate(run[: len(read)]):
                    found[position] = start + offset + 1
                at = start + len(read)
                break
        run = []
        if label == IGNORED:
            at = 0
    return found


def only(drawn: str, text: str) -> int | None:
    first = drawn.find(text)
    return first if first >= 0 and drawn.find(text, first + 1) < 0 else None


class Pointing(nn.Module):
    """Compares hidden states of the decoder with what its cross layers attend to."""

    def __init__(self, hidden: int, count: int):
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.queries = nn.ModuleList(nn.Linear(hidden, WIDTH) for _ in range(count))
        self.keys = nn.Linear(hidden, WIDTH)

    def forward(
        self, i: int, hidden: torch.Tensor, states: torch.Tensor, shown: torch.Tensor, wanted: torch.Tensor
    ) -> torch.Tensor:
        """Loss of the i-th query: minus log of the share that falls on the patches of what is wanted.

        hidden: [B, T, hidden]; states: [B, tiles, 1 + patches, hidden]; shown: [B, tiles, patches, 2], the places of each half,
        -1 where there is no tile; wanted: [B, T], 0 where there is nothing to point at.
        """
        shown = shown.flatten(1, 2)
        keys = self.keys(self.norm(states[:, :, 1:].flatten(1, 2)))
        scores = (self.queries[i](hidden) @ keys.transpose(1, 2)).float() * WIDTH**-0.5
        scores = scores.masked_fill((shown[..., 0] < 0)[:, None], -torch.inf)
        right = (shown[:, None] == wanted[:, :, None, None]).any(-1) & (wanted > 0)[..., None]
        learned = right.any(-1)
        inside = scores.masked_fill(~right, -torch.inf)[learned].logsumexp(-1)
        return (scores[learned].logsumexp(-1) - inside).sum() / learned.sum().clamp(min=1)
