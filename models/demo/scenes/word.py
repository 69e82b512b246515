"""One word or number that fills the picture."""

from .scene import LEAST, Frame, Scene

LONGEST = 12


def draw(frame: Frame) -> Scene | None:
    random = frame.random
    while True:
        word = frame.lexicon.word("ko") if frame.language == "ko" else frame.lexicon.item("en")
        if len(word) <= LONGEST:
            break
    face = frame.fitting([word], frame.width * 0.94, frame.height * 0.95, random.uniform(LEAST + 1, 44))
    if face is None:
        return None
    scene = frame.scene("word")
    x = random.uniform(frame.width * 0.03, frame.width * 0.97 - face.width(word))
    scene.drawing.text(x, random.uniform(0, frame.height - face.height), word, face, frame.ink)
    frame.task(scene, "ocr", word)
    return scene
