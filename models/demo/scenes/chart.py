"""Bar charts: a title, bars with a label below and the value above."""

import phrases

from .scene import Frame, Scene


def draw(frame: Frame) -> Scene | None:
    random, width, height = frame.random, frame.width, frame.height
    room = int(width / frame.scale / 30)
    if room < 2 or height / frame.scale < 90:
        return None
    count = random.randint(2, min(6, room))
    title = frame.lexicon.line(frame.language, max(4, min(12, int(width / frame.scale / 12))))
    labels, values = frame.lexicon.labels(frame.language, count), random.sample(range(3, 100), count)
    slot = width / (count + 0.4)
    label_face = frame.fitting(labels, slot * 0.94, height * 0.2, 24)
    title_face = frame.fitting([title], width * 0.94, height * 0.22, 30)
    if label_face is None or title_face is None:
        return None
    scene = frame.scene("chart")
    scene.drawing.text((width - title_face.width(title)) / 2, 0, title, title_face, frame.ink)
    top, bottom = title_face.height + label_face.height, height - label_face.height - 2 * frame.scale
    if bottom - top < 20 * frame.scale:
        return None
    scene.drawing.line([(slot * 0.15, bottom), (width - slot * 0.15, bottom)], frame.ink, round(frame.scale))
    colours = random.sample([colour for _, colour in phrases.COLOURS.values()], count)
    same = random.random() < 0.4
    for i, (label, value) in enumerate(zip(labels, values)):
        middle = slot * (i + 0.7)
        high = bottom - (bottom - top) * value / max(values)
        scene.drawing.bar((middle - slot * 0.3, high, middle + slot * 0.3, bottom), colours[0 if same else i])
        scene.drawing.text(middle - label_face.width(label) / 2, bottom + frame.scale, label, label_face, frame.ink)
        number = str(value)
        scene.drawing.text(
            middle - label_face.width(number) / 2, high - label_face.height, number, label_face, frame.ink
        )
    ask(frame, scene, title, labels, values)
    return scene


def ask(frame: Frame, scene: Scene, title: str, labels: list[str], values: list[int]) -> None:
    random = frame.random
    greatest, least = labels[values.index(max(values))], labels[values.index(min(values))]
    rows = "\n".join(f"{label}: {value}" for label, value in zip(labels, values))
    chosen = random.randrange(len(labels))
    questions = [
        lambda: frame.ask(
            scene, "value", frame.say("value", label=labels[chosen], value=values[chosen]), label=labels[chosen]
        ),
        lambda: frame.ask(scene, "greatest", frame.say("value", label=greatest, value=max(values))),
        lambda: frame.ask(scene, "least", frame.say("value", label=least, value=min(values))),
        lambda: frame.ask(scene, "bars", frame.say("number", number=len(labels))),
        lambda: frame.ask(scene, "title", frame.say("it is", it=title)),
        lambda: frame.task(scene, "describe", frame.say("chart", number=len(labels))),
    ]
    turns = [lambda: frame.task(scene, "chart", frame.say("chart values", title=title, values=rows, greatest=greatest))]
    turns += random.sample(questions, 2)
    random.shuffle(turns)
    for turn in turns:
        turn()
