"""A canvas full of characters, each line in a typeface, size and colour of its own: what the tower learns to see from first."""

import fonts
import vocabulary

from .scene import LEAST, Frame, Scene

PLAIN, LARGEST = 26, 40  # pixels on the canvas
SIGNS = "0123456789" * 2 + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + ".,:-/%$#*()|+=!?"


def draw(frame: Frame, ease: float = 0.0) -> Scene:
    """ease: 1 for two typefaces of one size, 0 for all of them from LEAST to LARGEST."""
    random, scene = frame.random, frame.scene("page")
    latin, hangul = (files[: max(2, round(len(files) * (1 - ease)))] for files in fonts.families(frame.held_out))
    least, largest = LEAST + (PLAIN - LEAST) * ease, LARGEST + (PLAIN - LARGEST) * ease
    y = 0.0
    while True:
        is_hangul = random.random() < 0.55
        file = random.choice(hangul if is_hangul else latin)
        face = fonts.face(file, max(8, round(least * (largest / least) ** (random.random() ** 1.5) * frame.scale)))
        if y + face.height > frame.height:
            return scene
        x = random.uniform(0, 0.1) * frame.width
        line = ""
        while x + face.width(line) + face.size < frame.width:
            line += random.choice(vocabulary.syllables() if is_hangul and random.random() < 0.9 else SIGNS)
            line += " " * (random.random() < 0.15)
        scene.drawing.text(x, y, line, face, frame.ink)
        y += face.height + random.uniform(0, 0.3) * face.size
