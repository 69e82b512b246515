"""The prompts: which images a case shows, where they stand, and seeded text around them."""

from dataclasses import dataclass

import numpy as np

QUESTIONS = [
    "이 그림에는 무엇이 보이나요?", "What is in this picture?", "막대 그래프에서 가장 큰 값은?", "사진을 설명해 주세요.",
    "How many people are there?", "Read the letters.", "글자를 읽어 주세요.", "한 문장으로 대답해 주세요.",
    "Describe the house and the tree.", "두 그림은 어떻게 다른가요?", "Compare the pictures.", "표의 숫자를 더해 주세요.",
]
REMARKS = ["첫 그림:", "Here:", "그리고", "and this:", "다음 사진은", "next,", "이 표와", "a chart:", "그림 2:", "then"]

IMAGE = {"type": "image"}


@dataclass(frozen=True)
class Case:
    """name; row_mode `hf` or `meta`; images by position in the configuration's list; the kind of prompt."""

    name: str
    kind: str
    images: tuple[int, ...] = ()
    row_mode: str = "hf"

    def prompt(self, reference, seed: int) -> str:
        rng = np.random.default_rng([seed, sum(self.name.encode())])
        question = f"{rng.choice(REMARKS)} {rng.choice(QUESTIONS)}"
        a, b = (str(text) for text in rng.choice(REMARKS, 2, replace=False))
        return KINDS[self.kind](reference, question, a, b)


def text(value: str) -> dict:
    return {"type": "text", "text": value}


# kind -> prompt. Those without a template show the two positions a chat cannot: the very first and the very last token.
KINDS = {
    "text-only": lambda r, q, a, b: r.chat([text(q)]),
    "image-first": lambda r, q, a, b: f"<|image|>{q}",  # the processor puts BOS behind the image
    "text-before-image": lambda r, q, a, b: r.chat([text(q), IMAGE]),
    "image-before-text": lambda r, q, a, b: r.chat([IMAGE, text(q)]),
    "image-last": lambda r, q, a, b: f"<|begin_of_text|>{q}<|image|>",
    "adjacent": lambda r, q, a, b: r.chat([IMAGE, IMAGE, text(q)]),
    "text-between": lambda r, q, a, b: r.chat([IMAGE, text(a), IMAGE, text(q)]),
    "four": lambda r, q, a, b: r.chat([text(a), IMAGE, IMAGE, text(b), IMAGE, text(a), IMAGE, text(q)]),
}

ALL = [
    Case("text-only", "text-only"),
    Case("one-tile-image-first", "image-first", (0,)),
    Case("two-tiles-text-before", "text-before-image", (1,)),
    Case("three-tiles", "image-before-text", (2,)),
    Case("four-tiles-image-last", "image-last", (3,)),
    Case("adjacent-images", "adjacent", (2, 0)),
    Case("text-between-images", "text-between", (1, 0)),
    Case("four-images", "four", (0, 3, 1, 2)),
    Case("two-tiles-text-before-meta", "text-before-image", (1,), "meta"),
    Case("text-between-images-meta", "text-between", (1, 0), "meta"),
]
TILES_ONLY = [
    Case("one-tile", "image-before-text", (0,)),
    Case("two-tiles", "text-before-image", (1,)),
    Case("three-tiles", "image-before-text", (2,)),
    Case("four-tiles", "image-before-text", (3,)),
]


def without(*names: str) -> list[Case]:
    return [case for case in ALL if case.name not in names]


# The committed ones: every kind somewhere, 1 to 4 tiles in every configuration.
NAMED = {
    "a": ALL,
    "b": without("four-images", "text-between-images-meta"),
    "c": without("adjacent-images", "two-tiles-text-before-meta"),
    "d": TILES_ONLY,
}
