"""Receipts: a shop, items with prices, the total."""

import phrases

from .scene import LEAST, Frame, Scene


def draw(frame: Frame) -> Scene | None:
    random, width, height = frame.random, frame.width, frame.height
    count = random.randint(1, max(1, min(5, int(height / frame.scale / 20) - 2)))
    shop = frame.lexicon.word(frame.language)
    items = frame.lexicon.labels(frame.language, count)
    prices = [random.randint(1, 99) * random.choice((10, 100, 100, 500)) for _ in items]
    total = random.choice(phrases.LABELS["total"][frame.language])
    lines = [(item, f"{price:,}") for item, price in zip(items, prices)] + [(total, f"{sum(prices):,}")]
    slot = height / (len(lines) + 1)
    measured = [f"{name}   {price}" for name, price in lines]
    face = frame.fitting([shop, *measured], width * 0.94, slot, random.uniform(LEAST + 1, 28))
    if face is None:
        return None
    scene = frame.scene("receipt")
    slot = min(slot, face.height * random.uniform(1.0, 1.5))
    right = min(width * 0.97, width * 0.03 + max(map(face.width, measured)) * random.uniform(1.0, 1.6))
    y = random.uniform(0, height - slot * (len(lines) + 1))
    scene.drawing.text(random.choice((width * 0.03, max(0, (right - face.width(shop)) / 2))), y, shop, face, frame.ink)
    for i, (name, price) in enumerate(lines):
        y += slot
        if i == count and random.random() < 0.6:
            scene.drawing.line([(width * 0.03, y), (right, y)], frame.ink, max(1, round(frame.scale * 0.6)))
        scene.drawing.text(width * 0.03, y, name, face, frame.ink)
        scene.drawing.text(right - face.width(price), y, price, face, frame.ink)
    ask(frame, scene, shop, lines)
    return scene


def ask(frame: Frame, scene: Scene, shop: str, lines: list[tuple[str, str]]) -> None:
    random = frame.random
    name, price = random.choice(lines[:-1])
    total = lines[-1][1]
    questions = [
        lambda: frame.ask(scene, "price", frame.say("value", label=name, value=price), label=name),
        lambda: frame.ask(scene, "total", frame.say("it is", it=total)),
        lambda: frame.task(scene, "describe", frame.say("receipt", title=shop, total=total)),
    ]
    if random.random() < 0.75:
        frame.task(scene, "ocr", "\n".join([shop, *(f"{name} {price}" for name, price in lines)]))
    else:
        frame.task(scene, "markdown", "\n".join([f"# {shop}\n", *(f"- {name}: {price}" for name, price in lines)]))
    random.choice(questions)()
