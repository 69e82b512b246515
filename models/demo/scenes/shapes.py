"""Coloured shapes side by side: how many, which, where."""

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
        paint(frame, shape)
    ask(frame, scene, shapes)
    return scene


def place(frame: Frame) -> list[Shape]:
    """One to six shapes in cells of a grid; few colours and kinds, so that counting means something."""
    random = frame.random
    columns = max(2, min(6, round(3 * (frame.width / frame.height) ** 0.5)))
    rows = max(1, min(5, round(6 / columns)))
    cells = [(row, column) for row in range(rows) for column in range(columns)]
    count = min(len(cells), random.randint(1, 6))
    kinds, colours = random.sample(SHAPES, random.randint(1, 3)), random.sample(COLOURS, random.randint(1, 3))
    width, height = frame.width / columns, frame.height / rows
    found = []
    for row, column in random.sample(cells, count):
        radius = min(width, height) * random.uniform(0.24, 0.42)
        x = width * (column + 0.5) + random.uniform(-1, 1) * (width / 2 - radius) * 0.6
        y = height * (row + 0.5) + random.uniform(-1, 1) * (height / 2 - radius) * 0.6
        found.append(Shape(random.choice(kinds), random.choice(colours), x, y, radius))
    return found


def paint(frame: Frame, shape: Shape) -> None:
    x, y, radius = shape.x, shape.y, shape.radius
    colour = tuple(min(255, max(0, c + frame.random.randint(-14, 14))) for c in phrases.COLOURS[shape.colour][1])
    code = SHAPE_BASE + SHAPES.index(shape.shape) * 16 + COLOURS.index(shape.colour)
    if shape.shape == "circle":
        frame.drawing.ellipse((x - radius, y - radius, x + radius, y + radius), colour, code)
    else:
        points = {
            "square": regular(x, y, radius * 1.15, 4, 45.0),
            "triangle": regular(x, y, radius * 1.1, 3),
            "star": star(x, y, radius * 1.15),
        }[shape.shape]
        frame.drawing.polygon(points, colour, code)


def ask(frame: Frame, scene: Scene, shapes: list[Shape]) -> None:
    """Three of the questions that have one clear answer, and now and then the description."""
    random, language = frame.random, frame.language
    questions = [counted(frame, scene, shapes, name) for name in ("count", "count colour", "count shape")]
    questions += [unique(frame, scene, shapes, name) for name in ("colour", "shape")]
    questions += [outermost(frame, scene, shapes, name) for name in ("leftmost", "rightmost")]
    questions += [sides(frame, scene, shapes) for _ in range(2)]
    questions += [lambda: frame.task(scene, "describe", frame.say("shapes", list=listed(shapes, language)))] * 2
    for question in random.sample([q for q in questions if q], 3):
        question()


def listed(shapes: list[Shape], language: str) -> str:
    """Groups of equal shapes in the order of COLOURS, then SHAPES."""
    groups: dict[tuple[int, int], int] = {}
    for shape in shapes:
        key = COLOURS.index(shape.colour), SHAPES.index(shape.shape)
        groups[key] = groups.get(key, 0) + 1
    if language == "ko":
        return ", ".join(
            f"{korean_colour(COLOURS[c])} {phrases.SHAPES[SHAPES[s]]} {n}개" for (c, s), n in sorted(groups.items())
        )
    return ", ".join(f"{n} {COLOURS[c]} {SHAPES[s]}{'s' * (n > 1)}" for (c, s), n in sorted(groups.items()))


def counted(frame: Frame, scene: Scene, shapes: list[Shape], question: str):
    chosen = frame.random.choice(shapes)
    number, gaps = {
        "count": (len(shapes), {}),
        "count colour": (sum(s.colour == chosen.colour for s in shapes), {"colour": colour_name(frame, chosen)}),
        "count shape": (sum(s.shape == chosen.shape for s in shapes), {"shape": shape_name(frame, chosen)}),
    }[question]
    return lambda: frame.ask(scene, question, frame.say("number", number=number), **gaps)


def unique(frame: Frame, scene: Scene, shapes: list[Shape], question: str):
    """The colour of the only one of its shape, or the shape of the only one of its colour."""
    attribute = {"colour": "shape", "shape": "colour"}[question]
    values = [getattr(s, attribute) for s in shapes]
    alone = [s for s in shapes if values.count(getattr(s, attribute)) == 1]
    if not alone:
        return None
    chosen = frame.random.choice(alone)
    if question == "colour":
        return lambda: frame.ask(
            scene, question, it_is(frame, colour_name(frame, chosen)), shape=shape_name(frame, chosen)
        )
    return lambda: frame.ask(
        scene, question, it_is(frame, shape_name(frame, chosen)), colour=colour_name(frame, chosen)
    )


def outermost(frame: Frame, scene: Scene, shapes: list[Shape], question: str):
    ordered = sorted(shapes, key=lambda s: s.x)
    if question == "rightmost":
        ordered.reverse()
    if len(ordered) > 1 and abs(ordered[0].x - ordered[1].x) < ordered[0].radius:
        return None
    return lambda: frame.ask(scene, question, it_is(frame, ordered[0].name(frame.language)))


def sides(frame: Frame, scene: Scene, shapes: list[Shape]):
    names = [s.name(frame.language) for s in shapes]
    alone = [s for s, name in zip(shapes, names) if names.count(name) == 1]
    if len(alone) < 2:
        return None
    first, second = frame.random.sample(alone, 2)
    if abs(first.x - second.x) < max(first.radius, second.radius):
        return None
    side = "left" if first.x < second.x else "right"
    gaps = {"first": first.name(frame.language), "second": second.name(frame.language)}
    return lambda: frame.ask(scene, "side", frame.say(side), **gaps)


def colour_name(frame: Frame, shape: Shape) -> str:
    return korean_colour(shape.colour) if frame.language == "ko" else shape.colour


def shape_name(frame: Frame, shape: Shape) -> str:
    return phrases.SHAPES[shape.shape] if frame.language == "ko" else shape.shape


def it_is(frame: Frame, it: str) -> str:
    return frame.say("it is", it=it if frame.language == "ko" else it.capitalize())
