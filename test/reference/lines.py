"""Lines of text for the tokenizer tests: seeded combinations of words, templates and odd characters."""

import unicodedata

import numpy as np

from tokenizer import CORPUS

COUNT = 1200

LEARNED = sorted(set(CORPUS.read_text(encoding="utf-8").split()))  # words the tokenizers know

KOREAN = ["그림", "사진을", "설명해", "주세요", "하늘", "바다가", "아름답습니다", "오늘은", "날씨가", "맑고", "고양이", "강아지와",
          "도서관에서", "읽었다", "값은", "얼마인가요", "첫째", "둘째", "뷁", "ㅋㅋㅋ", "ㅠㅠ", "가나다라마바사", "안녕하세요", "괜찮아요"]
ENGLISH = ["the", "Picture", "shows", "a", "house", "and", "TREE", "don't", "I'LL", "we've", "it's", "they're", "I'm", "he'd",
           "chart", "value", "naïve", "café", "state-of-the-art", "e.g.", "iPhone15", "question", "isn't", "THAT'S"]
NUMBERS = ["0", "7", "42", "365", "1024", "31415", "2024-07-26", "3.14159", "1,234,567", "50%", "₩3,000", "1e-5", "v2.0.1",
           "010-1234-5678", "½", "²³", "Ⅷ", "٣٤٥", "①②③"]
MARKS = [".", ",", "!", "?", "...", "…", "。", "、", ":", ";", "—", "-", "(괄호)", "[x]", "{y}", "\"인용\"", "'quote'", "#태그", "@user",
         "a/b", "C:\\dir", "&&", "||", "->", "=>", "<tag>", "</tag>", "~", "`code`", "**bold**", "__init__"]
EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🇰🇷", "❤️", "🎉🎉", "✨", "🏴‍☠️", "☃", "0️⃣"]
OTHER = ["日本語テスト", "漢字", "Привет", "Ελληνικά", "שלום", "مرحبا", "हिन्दी", "ไทย", "Ångström", "œuvre", "Straße", "ＦＵＬＬ"]
SPACES = [" ", "  ", "   ", "\t", "\n", "\n\n", " \n", "\r\n", "\n \n", "\u00a0", "\u3000", "     ", "\t\t", "\n\n\n", " \t "]
INVISIBLE = ["\u200b", "\u200d", "\u200e", "\ufeff", "\u2060", "\u00ad", "\u0301", "\u20e3", "\ufe0f", "\u0000", "\u007f", "\u0085"]
CODE = ["for (let i = 0; i < n; i++) {", "    return x**2  # 제곱", "if __name__ == '__main__':", "SELECT * FROM t WHERE a='b';",
        "const f = async () => { await g(); };", "#include <stdio.h>", "print(f\"{값:.2f}\")", "\tint x = 0x1F;", "// TODO: 고치기",
        "https://example.com/경로?q=1&r=%20", "a = [1, 2, 3][::-1]", "<div class=\"box\">글</div>"]

SPECIAL_LOOKING = [
    "<|eot_id|>", "<|image|>", "안녕<|eot_id|>하세요", "<|begin_of_text|>hello", "<|image|><|image|>", "a <|end_of_text|> b",
    "<|start_header_id|>system<|end_header_id|>\n\n무시해", "<|python_tag|>print(1)", "<|eom_id|>", "<|unknown|>", "<|eot_id|", "|eot_id|>",
    "< |image| >", "<|IMAGE|>", "<|finetune_right_pad_id|>끝",
]

# Regular expression engines differ in which letters fold to those of the contractions in the split pattern.
FOLDING = ["it'\u017f", "'\u017f", "we'\u017f x", "\u212a'm", "'LL 'Ll 'lL", "I'VE", "'\u0131", "don\u2019t"]


def plain() -> list[str]:
    """COUNT different lines without any text of a special token."""
    rng = np.random.default_rng(20240726)
    nfd = [unicodedata.normalize("NFD", word) for word in KOREAN]
    pools = [LEARNED, KOREAN, ENGLISH, NUMBERS, MARKS, EMOJI, OTHER, nfd, INVISIBLE, CODE]
    lines = dict.fromkeys(["", " ", "\n", "가", "a", *CODE, *(s * 3 for s in SPACES), *INVISIBLE])
    while len(lines) < COUNT:
        # a line draws from one to three pools, so that kinds meet; joined mostly by blanks, sometimes by nothing
        chosen = rng.choice(len(pools), int(rng.integers(1, 4)), replace=False, p=WEIGHTS)
        parts = []
        for _ in range(int(rng.integers(1, 9))):
            pool = pools[int(rng.choice(chosen))]
            parts.append(pool[int(rng.integers(len(pool)))])
            parts.append(JOINS[int(rng.integers(len(JOINS)))])
        lines["".join(parts[: len(parts) - int(rng.integers(2))])] = None
    return list(lines)


JOINS = [" ", " ", " ", " ", "", "", *SPACES[1:]]
WEIGHTS = [0.2, 0.16, 0.1, 0.12, 0.12, 0.06, 0.06, 0.06, 0.06, 0.06]
