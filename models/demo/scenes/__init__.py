"""Pictures with what can be asked about them: each module draws one kind."""

from . import chart, document, receipt, shapes, table, text, word

# kind -> how it is drawn, and its share of the pictures
SCENES = {
    "word": (word.draw, 4),
    "text": (text.draw, 9),
    "shapes": (shapes.draw, 16),
    "chart": (chart.draw, 8),
    "table": (table.draw, 4),
    "receipt": (receipt.draw, 3),
    "document": (document.draw, 3),
}
