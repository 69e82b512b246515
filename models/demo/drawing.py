"""A picture and, under it, maps that say of every pixel what is drawn there: from them the model learns to see and to point."""

import math

from PIL import Image, ImageDraw

from fonts import Face

# What the map holds: 0 where nothing is drawn, the code point of a character, or SHAPE_BASE + shape * 16 + colour.
NOTHING, SHAPE_BASE = 0, 0xE000

Point = tuple[float, float]
Colour = tuple[int, int, int]


class Drawing:
    """RGB picture of width x height pixels, its map, and the place of each thing on it: its number among `things`."""

    def __init__(self, width: int, height: int, background: Colour):
        self.background = background
        self.picture = Image.new("RGB", (width, height), background)
        self.map = Image.new("I", (width, height), NOTHING)
        self.places = Image.new("I", (width, height), NOTHING)
        self.things = ""  # in the order in which they were drawn: characters but for blanks, and the codes of shapes
        self.on_picture, self.on_map = ImageDraw.Draw(self.picture), ImageDraw.Draw(self.map)
        self.on_places = ImageDraw.Draw(self.places)

    @property
    def size(self) -> tuple[int, int]:
        return self.picture.size

    def text(self, x: float, y: float, text: str, face: Face, colour: Colour) -> None:
        """One line; (x, y) is the upper left corner of its box of face.height pixels."""
        x = round(x)
        self.on_picture.text((x, y), text, colour, face.font)
        for character in text:
            right = x + face.advance(character)
            if not character.isspace():
                box = (x, y + face.top, right - 1, y + face.bottom)
                self.on_map.rectangle(box, ord(character))
                self.on_places.rectangle(box, self.add(character))
            x = right

    def add(self, thing: str) -> int:
        self.things += thing
        return len(self.things)

    def polygon(self, points: list[Point], colour: Colour, code: int) -> int:
        """Its place."""
        place = self.add(chr(code))
        self.on_picture.polygon(points, colour)
        self.on_map.polygon(points, code)
        self.on_places.polygon(points, place)
        return place

    def ellipse(self, box: tuple[float, float, float, float], colour: Colour, code: int) -> int:
        """Its place."""
        place = self.add(chr(code))
        self.on_picture.ellipse(box, colour)
        self.on_map.ellipse(box, code)
        self.on_places.ellipse(box, place)
        return place

    def bar(self, box: tuple[float, float, float, float], colour: Colour) -> None:
        """A filled rectangle that the map does not name."""
        self.on_picture.rectangle(box, colour)

    def line(self, points: list[Point], colour: Colour, width: int = 1) -> None:
        self.on_picture.line(points, colour, width)

    def rotate(self, degrees: float) -> None:
        """Turns picture and maps, which grow so that nothing is cut off."""
        self.picture = self.picture.rotate(degrees, Image.Resampling.BILINEAR, True, fillcolor=self.background)
        self.map = self.map.rotate(degrees, Image.Resampling.NEAREST, True, fillcolor=NOTHING)
        self.places = self.places.rotate(degrees, Image.Resampling.NEAREST, True, fillcolor=NOTHING)


def regular(x: float, y: float, radius: float, corners: int, turn: float = -90.0) -> list[Point]:
    """Corners of a regular polygon; turn: degrees of the first one."""
    angles = (math.radians(turn + 360 * i / corners) for i in range(corners))
    return [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]


def star(x: float, y: float, radius: float) -> list[Point]:
    outer, inner = regular(x, y, radius, 5), regular(x, y, radius * 0.42, 5, -54.0)
    return [point for pair in zip(outer, inner) for point in pair]
