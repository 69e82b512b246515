"""What the scenes share: the frame they are drawn in, colours that can be told apart, questions and answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import fonts
import phrases
from drawing import Colour, Drawing
from lexicon import Lexicon

Named = Sequence[tuple[str, int]]  # words of an answer, in its order, and the places of what they name

COPYING = ("ocr", "markdown")  # tasks whose answer is in the picture's language, whatever the question's
LEAST = 18  # pixels of a typeface on the canvas, as the model gets it


@dataclass
class Turn:
    """A question about a picture and its answer. kind: what it is scored as."""

    kind: str
    question: str
    answer: str
    named: Named = ()


@dataclass
class Scene:
    kind: str
    language: str
    drawing: Drawing
    turns: list[Turn] = field(default_factory=list)


class Frame:
    """Where a scene is drawn: a picture that fills a canvas of rows x cols tiles, drawn `scale` times as large.

    The processor takes one or two tiles only for pictures that are no larger than these. plain: black on white.
    """

    def __init__(self, random: Random, rows: int, cols: int, tile: int, held_out: bool, plain: bool = False):
        self.random, self.held_out = random, held_out
        self.lexicon = Lexicon(random, held_out)
        self.language = random.choice(phrases.LANGUAGES)
        self.scale = random.uniform(0.75, 1.0) if rows * cols <= 2 else random.uniform(1.0, 2.0)
        self.width = round(cols * tile * random.uniform(0.9, 1.0) * self.scale)
        self.height = round(rows * tile * random.uniform(0.9, 1.0) * self.scale)
        latin, hangul = fonts.families(held_out)
        self.file = random.choice(hangul if self.language == "ko" else latin)
        self.background, self.ink = ((255, 255, 255), (0, 0, 0)) if plain else self.paper()
        self.drawing = Drawing(self.width, self.height, self.background)

    def paper(self) -> tuple[Colour, Colour]:
        """A background and an ink that stand out from each other; mostly dark on light."""
        draw = self.random.randint
        light = tuple(draw(205, 255) for _ in range(3)) if self.random.random() < 0.6 else (255, 255, 255)
        dark = tuple(draw(0, 90) for _ in range(3)) if self.random.random() < 0.5 else (20, 20, 20)
        return (dark, light) if self.random.random() < 0.15 else (light, dark)

    def face(self, pixels: float) -> fonts.Face:
        """The frame's typeface at so many pixels of the canvas; sizes come in steps, so that faces are reused."""
        return fonts.face(self.file, max(8, round(pixels * self.scale)))

    def fitting(self, texts: list[str], width: float, height: float, most: float = 40) -> fonts.Face | None:
        """The largest face, up to `most` pixels of the canvas, in which each text fits; None below LEAST."""
        pixels = most
        while pixels >= LEAST:
            face = self.face(pixels)
            if face.height <= height and all(face.width(text) <= width for text in texts):
                return face
            pixels = min(pixels - 1, pixels * 0.88)
        return None

    def scene(self, kind: str) -> Scene:
        return Scene(kind, self.language, self.drawing)

    def ask(self, scene: Scene, question: str, answer: str, named: Named = (), **gaps: object) -> None:
        """Adds a turn: `question` of phrases.QUESTIONS, in the language of the frame."""
        variants = phrases.QUESTIONS[question][self.language]
        scene.turns.append(Turn(question, self.random.choice(variants).format(**gaps), answer, named))

    def task(self, scene: Scene, task: str, answer: str, named: Named = ()) -> None:
        """Adds a turn: a task, in the package's own words or in short. Copying is asked for in either language."""
        foreign = task in COPYING and self.random.random() < 0.25
        language = self.random.choice(phrases.LANGUAGES) if foreign else self.language
        own = phrases.task_prompts()[language][task]
        asked = own if self.random.random() < 0.6 else self.random.choice(phrases.TASKS[task][language])
        scene.turns.append(Turn(task, asked, answer, named))

    def say(self, answer: str, **gaps: object) -> str:
        return phrases.ANSWERS[answer][self.language].format(**gaps)


Draw = Callable[[Frame], Scene | None]  # None: it does not fit; draw again
