"""Dialogues as tokens: the chat template, and which of the tokens are learned."""

from dataclasses import dataclass, field
from functools import lru_cache

from tokenizers import Tokenizer

from scenes.scene import Turn
from tokenizer import BOS, EOT, IMAGE

IGNORED = -100


@dataclass
class Dialogue:
    """Tokens, and what belongs to each of them."""

    tokens: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)  # the token where it is learned, in answers; IGNORED elsewhere
    named: list[int] = field(default_factory=list)  # the place of what it names, or 0
    apart: list[int] = field(default_factory=list)  # which question it belongs to, from 1, and others do not see; or 0

    def add(self, asked: list[int], answer: list[int] = (), named: list[int] = (), apart: int = 0) -> None:
        self.tokens += [*asked, *answer]
        self.labels += [*[IGNORED] * len(asked), *answer]
        self.named += [*[0] * len(asked), *named]
        self.apart += [apart] * (len(asked) + len(answer))


class Spelling:
    """The tokens of dialogues under a tokenizer."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self.bos, self.eot, self.image = (tokenizer.token_to_id(text) for text in (BOS, EOT, IMAGE))

    @lru_cache(maxsize=None)
    def character(self, label: int) -> str | None:
        """What a token stands for, if that is one character that can be seen."""
        text = "" if label == IGNORED else self.tokenizer.decode([label])
        return text if len(text) == 1 and not text.isspace() and text != "\ufffd" else None

    def ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def header(self, role: str) -> list[int]:
        return self.ids(f"<|start_header_id|>{role}<|end_header_id|>\n\n")

    def answer(self, turn: Turn) -> tuple[list[int], list[int]]:
        """Tokens, and for each the place of what it names, or 0."""
        encoding = self.tokenizer.encode(turn.answer, add_special_tokens=False)
        places, end = [0] * len(encoding.ids), 0
        for name, place in turn.named:
            start = turn.answer.index(name, end)
            end = start + len(name)
            for i, (left, right) in enumerate(encoding.offsets):
                if left < end and right > start:
                    places[i] = place
        return [*encoding.ids, self.eot], [*places, 0]

    def conversation(self, turns: list[Turn], with_image: bool) -> Dialogue:
        """One question after another, the picture before the first."""
        dialogue = Dialogue()
        dialogue.add([self.bos])
        for i, turn in enumerate(turns):
            dialogue.add(self.header("user") + [self.image] * (with_image and i == 0))
            dialogue.add(self.question(turn), *self.answer(turn))
        return dialogue

    def questions(self, turns: list[Turn]) -> Dialogue:
        """Questions about one picture, each as if it were the only one: no answer can be copied from another."""
        dialogue = Dialogue()
        dialogue.add([self.bos, *self.header("user"), self.image])
        for i, turn in enumerate(turns, 1):
            dialogue.add(self.question(turn), *self.answer(turn), apart=i)
        return dialogue

    def question(self, turn: Turn) -> list[int]:
        return [*self.ids(turn.question), self.eot, *self.header("assistant")]
