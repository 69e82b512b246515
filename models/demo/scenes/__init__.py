"""Pictures with what can be asked about them: each module draws one kind."""

from . import chart, document, receipt, shapes, table, text, word

# kind -> how it is drawn, and its share of the pictures
SCENES = {
    "word": (word.draw, 4),
    "text": (text.draw, 7),
    "shapes": (shapes.draw, 20),
    "chart": (chart.draw, 5),
    "table": (table.draw, 3),
    "receipt": (receipt.draw, 2),
    "document": (document.draw, 2),
}
