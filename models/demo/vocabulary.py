"""The tokenizer: bytes, Hangul syllables by merges, the words of phrases.py whole, and the specials of Llama 3.

Merges make syllables only, so that a word that is read off a picture is spelled letter by letter; the words of questions
and answers are in the vocabulary without merges, where `ignore_merges` finds them.
"""

import re
import sys
from functools import lru_cache
from pathlib import Path

from tokenizers import pre_tokenizers

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "test" / "reference"))

import phrases  # noqa: E402
from tokenizer import IMAGE, SPECIALS, pre_tokenizer  # noqa: E402

WORD_LISTS = {"ko": HERE / "words" / "ko.txt", "en": HERE / "words" / "en.txt"}
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
SPLIT = pre_tokenizer()


@lru_cache
def words(language: str) -> tuple[str, ...]:
    return tuple(WORD_LISTS[language].read_text(encoding="utf-8").split())


@lru_cache
def syllables() -> tuple[str, ...]:
    """Every Hangul syllable of the word lists and the phrases: the set that the model is trained to read."""
    texts = [
        *words("ko"),
        *phrases.every_text(),
        *(text for labels in phrases.LABELS.values() for text in labels["ko"]),
    ]
    return tuple(sorted(set(re.findall("[가-힣]", "".join(texts)))))


def as_bytes(text: str) -> str:
    """The text in the byte alphabet of byte-level BPE."""
    return "".join(
        piece for piece, _ in pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)
    )


@lru_cache
def phrase_words() -> tuple[str, ...]:
    """Pre-tokens of the phrases longer than one token, in the byte alphabet."""
    found = dict.fromkeys(
        piece
        for text in phrases.every_text()
        for part in re.split(r"\{\w+\}", text)
        for piece, _ in SPLIT.pre_tokenize_str(part)
    )
    single = {*BYTES, *(as_bytes(syllable) for syllable in syllables())}
    return tuple(piece for piece in found if piece not in single and not piece.isdigit())


@lru_cache
def model() -> tuple[dict[str, int], list[list[str]]]:
    """vocab and merges of tokenizer.json."""
    merges, pieces = [], list(BYTES)
    for syllable in syllables():
        first, second, third = as_bytes(syllable)
        if first + second not in pieces:
            pieces.append(first + second)
            merges.append([first, second])
    for syllable in syllables():
        first, second, third = as_bytes(syllable)
        pieces.append(first + second + third)
        merges.append([first + second, third])
    pieces += phrase_words()
    return {piece: i for i, piece in enumerate(pieces)}, merges


def tokens() -> list[str]:
    """All of them, by their numbers."""
    return [*model()[0], *SPECIALS, IMAGE]


def is_spelled(word: str) -> bool:
    """Whether a word at the start of a line or after a blank takes one token for each character."""
    return not {as_bytes(word), as_bytes(f" {word}")} & set(phrase_words())
