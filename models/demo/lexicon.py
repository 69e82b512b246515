"""Words, numbers and lines: those of training, and those that only the evaluation uses."""

import zlib
from functools import lru_cache
from random import Random

import vocabulary

CONSONANTS, VOWELS = "bcdfghjklmnpqrstvwxyz", "aeiou"
HELD_OUT_IN = 8  # one word in so many is kept for the evaluation


def is_held_out(word: str) -> bool:
    return vocabulary.is_spelled(word) and zlib.crc32(word.encode()) % HELD_OUT_IN == 0


@lru_cache
def listed(language: str, held_out: bool) -> tuple[str, ...]:
    return tuple(word for word in vocabulary.words(language) if is_held_out(word) == held_out)


class Lexicon:
    """Draws texts. held_out: only words that training never shows."""

    def __init__(self, random: Random, held_out: bool):
        self.random, self.held_out = random, held_out

    def word(self, language: str) -> str:
        """A listed word, or one made up of the same syllables or letters."""
        made_up = self.random.random() < (0.3 if self.held_out else 0.5)
        if not made_up:
            word = self.random.choice(listed(language, self.held_out))
            return word if language == "ko" else self.cased(word)
        return self.hangul() if language == "ko" else self.cased(self.letters())

    def hangul(self) -> str:
        while True:
            word = "".join(self.random.choices(vocabulary.syllables(), k=self.random.randint(1, 5)))
            if is_held_out(word) == self.held_out and vocabulary.is_spelled(word):
                return word

    def letters(self) -> str:
        """A pronounceable word, or any letters."""
        while True:
            length = self.random.randint(2, 11)
            if self.random.random() < 0.5:
                word = "".join(self.random.choice((CONSONANTS, VOWELS)[i % 2]) for i in range(length))
            else:
                word = "".join(self.random.choices(CONSONANTS + VOWELS, k=length))
            if is_held_out(word) == self.held_out and vocabulary.is_spelled(word):
                return word

    def cased(self, word: str) -> str:
        change = self.random.choice((str.lower, str.lower, str.capitalize, str.capitalize, str.upper))
        changed = change(word)
        return changed if vocabulary.is_spelled(changed) else word

    def number(self, language: str) -> str:
        """Digits as they stand in documents: plain, with thousands, a decimal, a date, a time, a price, a share."""
        draw = self.random.randint
        return self.random.choice(
            [
                lambda: str(draw(0, 10 ** draw(1, 8))),
                lambda: f"{draw(1000, 9999999):,}",
                lambda: f"{draw(0, 999)}.{draw(0, 99):02}",
                lambda: f"{draw(1990, 2030)}-{draw(1, 12):02}-{draw(1, 28):02}",
                lambda: f"{draw(0, 23):02}:{draw(0, 59):02}",
                lambda: f"{draw(1, 99) * 100:,}" + "원" * (language == "ko"),
                lambda: f"{draw(0, 100)}%",
                lambda: f"${draw(1, 999)}.{draw(0, 99):02}",
                lambda: f"010-{draw(1000, 9999)}-{draw(10, 9999):04}",
            ]
        )()

    def line(self, language: str, most: int) -> str:
        """Words and numbers of at most so many characters."""
        line = self.item(language)
        while len(line) < most and self.random.random() < 0.6:
            longer = f"{line} {self.item(language)}"
            if len(longer) > most:
                break
            line = longer
        return line if len(line) <= most else line[:most].rstrip()

    def words(self, language: str, most: int) -> str:
        """Words of at most so many characters, as long as they get."""
        line = self.word(language)
        while len(longer := f"{line} {self.word(language)}") <= most:
            line = longer
        return line

    def item(self, language: str) -> str:
        return self.number(language) if self.random.random() < 0.25 else self.word(language)

    def label(self, language: str) -> str:
        """Of a bar or a row: a short word, or a letter."""
        if self.random.random() < 0.25:
            return self.random.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        while True:
            word = self.word(language)
            if len(word) <= (4 if language == "ko" else 7):
                return word

    def labels(self, language: str, count: int) -> list[str]:
        found: dict[str, None] = {}
        while len(found) < count:
            found[self.label(language)] = None
        return list(found)
