"""Dialogues as tokens: the chat template, and which of the tokens are learned."""

from functools import lru_cache

from tokenizers import Tokenizer

from scenes.scene import Turn
from tokenizer import BOS, EOT, IMAGE

IGNORED = -100


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

    def dialogue(self, turns: list[Turn], with_image: bool) -> tuple[list[int], list[int], list[int]]:
        """Tokens and, shifted by none, labels: the answers and their ends, the rest is IGNORED; and the places of what they name."""
        tokens, labels, places = [self.bos], [IGNORED], [0]
        for i, turn in enumerate(turns):
            asked = self.header("user") + [self.image] * (with_image and i == 0) + self.ids(turn.question) + [self.eot]
            asked += self.header("assistant")
            answer, named = self.answer(turn)
            tokens += asked + answer
            labels += [IGNORED] * len(asked) + answer
            places += [0] * len(asked) + named
        return tokens, labels, places
