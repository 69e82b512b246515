"""Coloured shapes in a row or a column: how many, which, where.

Answers name shapes in the order in which one reads, and count what they have named: so the model can do it one by one.
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
    random, is_wide = frame.random, frame.width >= frame.height
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
        x, y = (along, across) if is_wide else (across, along)
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
    counts = ("count", "count colour", "count colour", "count shape", "count shape")
    questions = [counted(frame, scene, shapes, name) for name in counts]
    questions += [unique(frame, scene, shapes, name) for name in ("colour", "shape")]
    questions += [outermost(frame, scene, shapes, name) for name in ("leftmost", "rightmost")]
    questions += [sides(frame, scene, shapes) for _ in range(4)]
    questions += [described(frame, scene, shapes)]
    for question in random.sample([q for q in questions if q], 4):
        question()


def names(frame: Frame, shapes: list[Shape]) -> list[tuple[str, int]]:
    return [(shape.name(frame.language), shape.place) for shape in shapes]


def described(frame: Frame, scene: Scene, shapes: list[Shape]):
    named = names(frame, shapes)
    return lambda: frame.task(scene, "describe", frame.say("shapes", list=", ".join(n for n, _ in named)), named)


def counted(frame: Frame, scene: Scene, shapes: list[Shape], question: str):
    one = frame.random.choice(shapes)
    chosen, gaps = {
        "count": (shapes, {}),
        "count colour": ([s for s in shapes if s.colour == one.colour], {"colour": colour_name(frame, one)}),
        "count shape": ([s for s in shapes if s.shape == one.shape], {"shape": shape_name(frame, one)}),
    }[question]
    (first, place), *others = names(frame, chosen)
    named = [(capital(first), place), *others]
    answer = frame.say("counted", list=", ".join(name for name, _ in named), number=len(chosen))
    return lambda: frame.ask(scene, question, answer, named, **gaps)


def unique(frame: Frame, scene: Scene, shapes: list[Shape], question: str):
    """The colour of the only one of its shape, or the shape of the only one of its colour."""
    asked, of, name = {
        "colour": ("shape", shape_name, colour_name),
        "shape": ("colour", colour_name, shape_name),
    }[question]
    values = [getattr(s, asked) for s in shapes]
    alone = [s for s in shapes if values.count(getattr(s, asked)) == 1]
    if not alone:
        return None
    chosen = frame.random.choice(alone)
    it = capital(name(frame, chosen))
    return lambda: frame.ask(
        scene, question, frame.say("it is", it=it), [(it, chosen.place)], **{asked: of(frame, chosen)}
    )


def outermost(frame: Frame, scene: Scene, shapes: list[Shape], question: str):
    ordered = sorted(shapes, key=lambda s: s.x)
    if question == "rightmost":
        ordered.reverse()
    if len(ordered) > 1 and abs(ordered[0].x - ordered[1].x) < ordered[0].radius:
        return None
    it = capital(ordered[0].name(frame.language))
    return lambda: frame.ask(scene, question, frame.say("it is", it=it), [(it, ordered[0].place)])


def sides(frame: Frame, scene: Scene, shapes: list[Shape]):
    every = [name for name, _ in names(frame, shapes)]
    alone = [s for s, name in zip(shapes, every) if every.count(name) == 1]
    if len(alone) < 2:
        return None
    first, second = frame.random.sample(alone, 2)
    if abs(first.x - second.x) < max(first.radius, second.radius):
        return None
    left, right = named = names(frame, sorted((first, second), key=lambda s: s.x))
    answer = frame.say("sides", left=left[0], right=right[0])
    gaps = {"first": first.name(frame.language), "second": second.name(frame.language)}
    return lambda: frame.ask(scene, "side", answer, named, **gaps)


def colour_name(frame: Frame, shape: Shape) -> str:
    return korean_colour(shape.colour) if frame.language == "ko" else shape.colour


def shape_name(frame: Frame, shape: Shape) -> str:
    return phrases.SHAPES[shape.shape] if frame.language == "ko" else shape.shape


def capital(text: str) -> str:
    return text[0].upper() + text[1:]
