"""Conversations without a picture: greetings, small sums, repeating and rewriting."""

from random import Random

import phrases
from lexicon import Lexicon
from scenes.scene import Turn
from scenes.table import markdown


def turns(random: Random, held_out: bool) -> list[Turn]:
    language = random.choice(phrases.LANGUAGES)
    lexicon = Lexicon(random, held_out)
    kinds = random.choices((greeting, arithmetic, repeat, rewrite_list, rewrite_table), (2, 3, 4, 4, 3), k=2)
    return [kind(random, lexicon, language) for kind in kinds]


def greeting(random: Random, lexicon: Lexicon, language: str) -> Turn:
    question = random.choice(list(phrases.CHAT[language]))
    return Turn("greeting", question, phrases.CHAT[language][question])


def arithmetic(random: Random, lexicon: Lexicon, language: str) -> Turn:
    a, b, sign = random.randint(0, 20), random.randint(0, 20), random.choice("+-")
    if sign == "-":
        a, b = max(a, b), min(a, b)
    asked = random.choice(phrases.ARITHMETIC[language]).format(a=a, sign=sign, b=b)
    return Turn("arithmetic", asked, phrases.ANSWERS["it is"][language].format(it=a + b if sign == "+" else a - b))


def repeat(random: Random, lexicon: Lexicon, language: str) -> Turn:
    text = lexicon.line(language, random.randint(4, 30))
    return Turn("repeat", random.choice(phrases.REPEAT[language]).format(text=text), text)


def rewrite_list(random: Random, lexicon: Lexicon, language: str) -> Turn:
    if random.random() < 0.5:
        items = [lexicon.line(language, random.randint(4, 12)).replace(",", "") for _ in range(random.randint(2, 6))]
        text = ", ".join(items)
    else:
        items = [lexicon.words(language, random.randint(12, 36)) for _ in range(random.randint(2, 4))]
        text = "\n".join(items)
    asked = random.choice(phrases.REWRITE_LIST[language]).format(text=text)
    return Turn("rewrite", asked, "\n".join(f"- {item}" for item in items))


def rewrite_table(random: Random, lexicon: Lexicon, language: str) -> Turn:
    columns, rows = random.randint(2, 3), random.randint(2, 4)
    cells = [[lexicon.label(language) for _ in range(columns)]]
    cells += [
        [lexicon.label(language), *(str(random.randint(0, 999)) for _ in range(columns - 1))] for _ in range(rows - 1)
    ]
    text = "\n".join(",".join(row) for row in cells)
    return Turn("rewrite", random.choice(phrases.REWRITE_TABLE[language]).format(text=text), markdown(cells))
