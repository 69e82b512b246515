"""Lines of text."""

from .scene import LEAST, Frame, Scene


def draw(frame: Frame) -> Scene | None:
    random = frame.random
    fit = max(1, int(frame.height / frame.scale / 22))
    count = min(fit, random.choice((1, 1, 2, 3, 4, 5)))
    most = int(frame.width / frame.scale / (20 if frame.language == "ko" else 11))
    lines = [frame.lexicon.line(frame.language, max(6, min(16, most))) for _ in range(count)]
    margin = 0.03 * frame.width
    face = frame.fitting(lines, frame.width - 2 * margin, frame.height / count * 0.95, random.uniform(LEAST + 1, 36))
    if face is None:
        return None
    scene = frame.scene("text")
    spare = frame.height - count * face.height
    gap = random.uniform(0, spare / count)
    y = random.uniform(0, spare - gap * (count - 1))
    centred, left = random.random() < 0.3, random.uniform(margin, frame.width - margin - max(map(face.width, lines)))
    for line in lines:
        x = (frame.width - face.width(line)) / 2 if centred else left
        scene.drawing.text(x, y, line, face, frame.ink)
        y += face.height + gap
    text = "\n".join(lines)
    frame.task(scene, "ocr", text)
    if random.random() < 0.15:
        frame.task(scene, "describe", frame.say("text", text=" ".join(lines)))
    return scene
