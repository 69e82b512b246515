"""Draws the picture of test/fixtures/endless: a house, a tree, the sun, a small bar chart and a few words."""

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 640, 480
SCALE = 2  # drawn larger and reduced, for smooth edges

SKY, GRASS, SUN = (178, 220, 245), (122, 184, 96), (250, 205, 60)
WALL, ROOF, DOOR, GLASS = (248, 240, 225), (200, 70, 55), (120, 80, 50), (130, 180, 215)
TRUNK, LEAVES, PAPER, INK = (115, 80, 50), (70, 140, 70), (255, 255, 255), (50, 50, 60)
BARS = [("A", 30, (220, 80, 70)), ("B", 70, (70, 120, 210)), ("C", 95, (80, 165, 90)), ("D", 50, (235, 165, 60))]

# Hangul of straight strokes in a unit square, since a Korean font is not always at hand.
JIP = [  # 집
    [(0.08, 0.1), (0.56, 0.1)], [(0.32, 0.1), (0.08, 0.46)], [(0.32, 0.2), (0.56, 0.46)], [(0.8, 0.02), (0.8, 0.5)],
    [(0.22, 0.58), (0.22, 0.96), (0.8, 0.96), (0.8, 0.58)], [(0.22, 0.76), (0.8, 0.76)],
]
NA = [[(0.12, 0.12), (0.12, 0.8), (0.58, 0.72)], [(0.76, 0.02), (0.76, 0.98)], [(0.76, 0.46), (0.98, 0.46)]]  # 나
MU = [  # 무
    [(0.22, 0.06), (0.78, 0.06), (0.78, 0.42), (0.22, 0.42), (0.22, 0.06)], [(0.04, 0.6), (0.96, 0.6)],
    [(0.5, 0.6), (0.5, 0.98)],
]


class Pen:
    """Draws in the coordinates of the finished picture."""

    def __init__(self, image: Image.Image):
        self.image = ImageDraw.Draw(image)

    def box(self, left, top, right, bottom, colour, outline=None) -> None:
        self.image.rectangle(scaled(left, top, right, bottom), colour, outline, 2 * SCALE if outline else 1)

    def disc(self, x, y, radius, colour) -> None:
        self.image.ellipse(scaled(x - radius, y - radius, x + radius, y + radius), colour)

    def shape(self, points, colour) -> None:
        self.image.polygon([scaled(*point) for point in points], colour)

    def line(self, points, width=3, colour=INK) -> None:
        self.image.line([scaled(*point) for point in points], colour, width * SCALE, joint="curve")

    def hangul(self, syllables, left, top, size) -> None:
        for i, strokes in enumerate(syllables):
            for stroke in strokes:
                self.line([(left + (i * 1.15 + x) * size, top + y * size) for x, y in stroke])

    def text(self, words, x, y, size) -> None:
        self.image.text(scaled(x, y), words, INK, ImageFont.load_default(size * SCALE), anchor="mm")


def scaled(*values: float) -> tuple[float, ...]:
    return tuple(value * SCALE for value in values)


def draw() -> Image.Image:
    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), SKY)
    pen = Pen(image)
    pen.box(0, 340, WIDTH, HEIGHT, GRASS)
    sun(pen)
    house(pen)
    tree(pen)
    chart(pen)
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def sun(pen: Pen) -> None:
    pen.disc(75, 75, 38, SUN)
    for dx, dy in [(0, -1), (0.7, -0.7), (1, 0), (0.7, 0.7), (0, 1), (-0.7, 0.7), (-1, 0), (-0.7, -0.7)]:
        pen.line([(75 + 46 * dx, 75 + 46 * dy), (75 + 62 * dx, 75 + 62 * dy)], 5, SUN)


def house(pen: Pen) -> None:
    pen.box(70, 230, 230, 370, WALL, INK)
    pen.shape([(50, 232), (150, 145), (250, 232)], ROOF)
    pen.box(130, 295, 170, 370, DOOR)
    for left in (88, 182):
        pen.box(left, 255, left + 30, 285, GLASS, INK)
    pen.hangul([JIP], 98, 392, 34)
    pen.text("House", 180, 410, 22)


def tree(pen: Pen) -> None:
    pen.box(292, 290, 312, 375, TRUNK)
    for x, y, radius in [(302, 225, 42), (272, 260, 34), (332, 260, 34), (302, 265, 36)]:
        pen.disc(x, y, radius, LEAVES)
    pen.hangul([NA, MU], 265, 392, 34)
    pen.text("Tree", 375, 410, 22)


def chart(pen: Pen) -> None:
    pen.box(400, 60, 610, 300, PAPER, INK)
    pen.text("Sales 2024", 505, 84, 20)
    pen.line([(425, 110), (425, 265), (595, 265)], 2)
    for i, (name, value, colour) in enumerate(BARS):
        left = 437 + 40 * i
        pen.box(left, 265 - 1.4 * value, left + 26, 264, colour)
        pen.text(name, left + 13, 281, 16)
        pen.text(str(value), left + 13, 265 - 1.4 * value - 10, 14)


if __name__ == "__main__":
    draw().show()
