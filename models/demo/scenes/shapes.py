"""Coloured shapes in a row or a column: how many, which, where.

Answers name the shapes in the order in which one reads, and number those that are asked for: so the model looks at one after the
other, and what it is asked it finds in what it has said.
"""

from dataclasses import dataclass

import phrases
from drawing import SHAPE_BASE, regular, star

from .scene import Frame, Scene

COLOURS, SHAPES = list(phrases.COLOURS), list(phrases.SHAPES)


@dataclass
class Shape:
    shape: str
    colour: str
    x: float
    y: float
    radius: float
    place: int = 0  # on the drawing

    def name(self, language: str) -> str:
        return (
            f"{korean_colour(self.colour)} {phrases.SHAPES[self.shape]}"
            if language == "ko"
            else f"{self.colour} {self.shape}"
        )


def korean_colour(colour: str) -> str:
    return phrases.COLOURS[colour][0]


def draw(frame: Frame) -> Scene:
    if sum(frame.background) < 500:
        frame.background = (255, 255, 255)
        frame.drawing.bar((0, 0, frame.width, frame.height), frame.background)
        frame.drawing.background = frame.background
    scene = frame.scene("shapes")
    shapes = place(frame)
    for shape in shapes:
        shape.place = paint(frame, shape)
    ask(frame, scene, shapes)
    return scene


def place(frame: Frame) -> list[Shape]:
    """One to four shapes along the longer side, as one reads; few colours and kinds, so that counting means something."""
    random = frame.random
    length, depth = sorted((frame.width, frame.height), reverse=True)
    cells = min(6, round(3 * (length / depth) ** 0.5))
    chosen = sorted(random.sample(range(cells), random.randint(1, min(cells, 4))))
    kinds, colours = random.sample(SHAPES, random.randint(1, 3)), random.sample(COLOURS, random.randint(1, 3))
    slot = length / cells
    found = []
    for cell in chosen:
        radius = min(slot, depth) * random.uniform(0.26, 0.42)
        along = slot * (cell + 0.5) + random.uniform(-1, 1) * (slot / 2 - radius) * 0.6
        across = depth / 2 + random.uniform(-1, 1) * (depth / 2 - radius) * 0.6
        x, y = (along, across) if is_row(frame) else (across, along)
        found.append(Shape(random.choice(kinds), random.choice(colours), x, y, radius))
    return found


def paint(frame: Frame, shape: Shape) -> int:
    """Its place on the drawing."""
    x, y, radius = shape.x, shape.y, shape.radius
    colour = tuple(min(255, max(0, c + frame.random.randint(-14, 14))) for c in phrases.COLOURS[shape.colour][1])
    code = SHAPE_BASE + SHAPES.index(shape.shape) * 16 + COLOURS.index(shape.colour)
    if shape.shape == "circle":
        return frame.drawing.ellipse((x - radius, y - radius, x + radius, y + radius), colour, code)
    points = {
        "square": regular(x, y, radius * 1.15, 4, 45.0),
        "triangle": regular(x, y, radius * 1.1, 3),
        "star": star(x, y, radius * 1.15),
    }[shape.shape]
    return frame.drawing.polygon(points, colour, code)


def ask(frame: Frame, scene: Scene, shapes: list[Shape]) -> None:
    """Four of the questions that have one clear answer, and now and then the description."""
    random = frame.random
    questions = [counted(frame, scene, shapes)]
    questions += [picked(frame, scene, shapes, name) for name in ("colour", "colour", "shape", "shape")]
    questions += [unique(frame, scene, shapes, name) for name in ("colour", "shape")]
    questions += [outermost(frame, scene, shapes, name) for name in ("leftmost", "rightmost")]
    questions += [side(frame, scene, shapes) for _ in range(4)]
    questions += [described(frame, scene, shapes)]
    for question in random.sample([q for q in questions if q], 4):
        question()


def names(frame: Frame, shapes: list[Shape]) -> list[tuple[str, int]]:
    return [(shape.name(frame.language), shape.place) for shape in shapes]


def sentence(frame: Frame, shapes: list[Shape]) -> tuple[str, list[tuple[str, int]]]:
    """All of them as an answer begins, and what it names."""
    (first, place), *others = names(frame, shapes)
    named = [(capital(first), place), *others]
    return ", ".join(name for name, _ in named), named


def described(frame: Frame, scene: Scene, shapes: list[Shape]):
    named = names(frame, shapes)
    return lambda: frame.task(scene, "describe", frame.say("shapes", list=", ".join(n for n, _ in named)), named)


def counted(frame: Frame, scene: Scene, shapes: list[Shape]):
    listed, named = sentence(frame, shapes)
    return lambda: frame.ask(scene, "count", frame.say("counted", list=listed, number=len(shapes)), named)


def picked(frame: Frame, scene: Scene, shapes: list[Shape], by: str):
    """How many are of the colour, or the shape, of one of them: numbered on the way."""
    value = getattr(frame.random.choice(shapes), by)
    _, named = sentence(frame, shapes)
    said, number = [], 0
    for shape, (name, _) in zip(shapes, named):
        is_one = getattr(shape, by) == value
        number += is_one
        said.append(frame.say("one of", name=name, number=number) if is_one else name)
    answer = frame.say("counted", list=", ".join(said), number=number)
    return lambda: frame.ask(scene, f"count {by}", answer, named, **{by: value_name(frame, by, value)})


def unique(frame: Frame, scene: Scene, shapes: list[Shape], question: str):
    """The colour of the only one of its shape, or the shape of the only one of its colour."""
    asked = {"colour": "shape", "shape": "colour"}[question]
    values = [getattr(s, asked) for s in shapes]
    alone = [s for s in shapes if values.count(getattr(s, asked)) == 1]
    if not alone:
        return None
    chosen = frame.random.choice(alone)
    known, answer = (value_name(frame, by, getattr(chosen, by)) for by in (asked, question))
    told = frame.say(question, **{asked: known, question: answer})
    return lambda: frame.ask(scene, question, told, [(known, chosen.place), (answer, chosen.place)], **{asked: known})


def outermost(frame: Frame, scene: Scene, shapes: list[Shape], question: str):
    ordered = sorted(shapes, key=lambda s: s.x)
    if question == "rightmost":
        ordered.reverse()
    if len(ordered) > 1 and abs(ordered[0].x - ordered[1].x) < ordered[0].radius:
        return None
    it = capital(ordered[0].name(frame.language))
    return lambda: frame.ask(scene, question, frame.say("it is", it=it), [(it, ordered[0].place)])


def side(frame: Frame, scene: Scene, shapes: list[Shape]):
    """Of two that are there once, in a row: whether one is left or right of the other. Named are those up to it."""
    every = [name for name, _ in names(frame, shapes)]
    alone = [s for s, name in zip(shapes, every) if every.count(name) == 1]
    if len(alone) < 2 or not is_row(frame):
        return None
    first, second = frame.random.sample(alone, 2)
    listed, named = sentence(frame, shapes[: shapes.index(first) + 1])
    answer = frame.say("left" if first.x < second.x else "right", list=listed)
    gaps = {"first": first.name(frame.language), "second": second.name(frame.language)}
    return lambda: frame.ask(scene, "side", answer, named, **gaps)


def is_row(frame: Frame) -> bool:
    return frame.width >= frame.height


def value_name(frame: Frame, by: str, value: str) -> str:
    """A colour or a shape in the frame's language."""
    if frame.language == "en":
        return value
    return korean_colour(value) if by == "colour" else phrases.SHAPES[value]


def capital(text: str) -> str:
    return text[0].upper() + text[1:]
