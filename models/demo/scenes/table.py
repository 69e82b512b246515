"""Tables with a header, with or without lines."""

import phrases

from .scene import LEAST, Frame, Scene


def draw(frame: Frame) -> Scene | None:
    random, width, height = frame.random, frame.width, frame.height
    columns = random.randint(2, max(2, min(4, int(width / frame.scale / 66))))
    rows = random.randint(2, max(2, min(5, int(height / frame.scale / 24))))
    cells = content(frame, rows, columns)
    slot_width, slot_height = width / columns * 0.98, height / rows * 0.98
    face = frame.fitting(
        [cell for row in cells for cell in row], slot_width * 0.92, slot_height, random.uniform(LEAST + 1, 30)
    )
    if face is None:
        return None
    scene = frame.scene("table")
    drawing, ruled = scene.drawing, random.random() < 0.7
    slot_height = min(slot_height, face.height * random.uniform(1.05, 1.8))
    left, top = (width - slot_width * columns) / 2, random.uniform(0, height - slot_height * rows)
    if random.random() < 0.3:
        shade = tuple((3 * b + i) // 4 for b, i in zip(frame.background, frame.ink))
        drawing.bar((left, top, left + slot_width * columns, top + slot_height), shade)
    for i in range(rows + 1):
        if ruled or i in (0, 1, rows):
            y = top + i * slot_height
            drawing.line([(left, y), (left + slot_width * columns, y)], frame.ink, max(1, round(frame.scale * 0.6)))
    for i in range(columns + 1):
        if ruled:
            x = left + i * slot_width
            drawing.line([(x, top), (x, top + slot_height * rows)], frame.ink, max(1, round(frame.scale * 0.6)))
    centred = random.random() < 0.5
    for i, row in enumerate(cells):
        for j, cell in enumerate(row):
            spare = slot_width - face.width(cell)
            x = left + j * slot_width + (spare / 2 if centred else min(spare / 2, 4 * frame.scale))
            drawing.text(x, top + i * slot_height + (slot_height - face.height) / 2, cell, face, frame.ink)
    ask(frame, scene, cells)
    return scene


def content(frame: Frame, rows: int, columns: int) -> list[list[str]]:
    """The header, then rows of a label and numbers or words."""
    random, lexicon = frame.random, frame.lexicon
    named = random.random() < 0.5
    if named:
        header = random.sample(phrases.LABELS["header"][frame.language], columns)
    else:
        header = [lexicon.label(frame.language) for _ in range(columns)]
    words = [random.random() < 0.3 for _ in range(columns)]
    labels = lexicon.labels(frame.language, rows - 1)
    number = lambda: random.choice((str(random.randint(0, 999)), f"{random.randint(1, 99) * 100:,}"))  # noqa: E731
    return [header] + [
        [label] + [lexicon.label(frame.language) if words[j] else number() for j in range(1, columns)]
        for label in labels
    ]


def markdown(cells: list[list[str]]) -> str:
    header, *rows = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([header, f"|{' --- |' * len(cells[0])}", *rows])


def ask(frame: Frame, scene: Scene, cells: list[list[str]]) -> None:
    size = {"rows": len(cells) - 1, "columns": len(cells[0])}
    roll = frame.random.random()
    if roll < 0.65:
        frame.task(scene, "markdown", markdown(cells))
    elif roll < 0.9:
        frame.task(scene, "table", frame.say("table values", table=markdown(cells), **size))
    else:
        frame.task(scene, "ocr", "\n".join(" ".join(row) for row in cells))
    if frame.random.random() < 0.15:
        frame.task(scene, "describe", frame.say("table", **size))
