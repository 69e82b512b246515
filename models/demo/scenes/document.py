"""Pages: a title in larger letters and a list."""

from .scene import LEAST, Frame, Scene


def draw(frame: Frame) -> Scene | None:
    random, width, height = frame.random, frame.width, frame.height
    count = random.randint(1, max(1, min(4, int(height / frame.scale / 22) - 1)))
    most = int(width / frame.scale / (20 if frame.language == "ko" else 12))
    title = frame.lexicon.line(frame.language, max(4, min(12, most)))
    items = [frame.lexicon.line(frame.language, max(5, min(14, most))) for _ in range(count)]
    mark = random.choice(("- ", "* "))
    face = frame.fitting(
        [mark + item for item in items], width * 0.94, height / (count + 1.6), random.uniform(LEAST + 1, 26)
    )
    if face is None:
        return None
    title_face = frame.fitting([title], width * 0.94, height - count * face.height, face.size / frame.scale * 1.6)
    if title_face is None or title_face.size < face.size:
        return None
    scene = frame.scene("document")
    spare = height - title_face.height - count * face.height
    if spare < 0:
        return None
    gap = min(spare / (count + 1), face.height * 0.5)
    y = random.uniform(0, spare - gap * count)
    scene.drawing.text(width * 0.03, y, title, title_face, frame.ink)
    y += title_face.height
    for item in items:
        y += gap
        scene.drawing.text(width * 0.03, y, mark + item, face, frame.ink)
        y += face.height
    ask(frame, scene, title, items, mark)
    return scene


def ask(frame: Frame, scene: Scene, title: str, items: list[str], mark: str) -> None:
    random = frame.random
    if random.random() < 0.75:
        frame.task(scene, "markdown", "\n".join([f"# {title}\n", *(f"- {item}" for item in items)]))
    else:
        frame.task(scene, "ocr", "\n".join([title, *(mark + item for item in items)]))
    if random.random() < 0.3:
        frame.ask(scene, "title", frame.say("it is", it=title))
    elif random.random() < 0.5:
        about = frame.say("document", title=title, number=len(items))
        frame.task(scene, random.choice(("describe", "summarize")), about)
