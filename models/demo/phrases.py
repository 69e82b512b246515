"""Everything the demo model says and is asked, in Korean and English. `{…}` is filled in by the scenes."""

import json
import subprocess
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("ko", "en")

# Short forms of the tasks, beside the prompts of the package itself (task_prompts).
TASKS = {
    "describe": {
        "ko": ["이 그림에 무엇이 있나요?", "그림을 설명해 주세요."],
        "en": ["What is in this picture?", "Describe this image."],
    },
    "ocr": {
        "ko": ["글자를 읽어 주세요.", "뭐라고 적혀 있나요?"],
        "en": ["Read the text.", "What does it say?"],
    },
    "chart": {"ko": ["차트를 분석해 주세요."], "en": ["Analyze this chart."]},
    "table": {"ko": ["이 표를 분석해 주세요."], "en": ["Analyze this table."]},
    "markdown": {"ko": ["마크다운으로 옮겨 주세요."], "en": ["Convert this to Markdown."]},
    "summarize": {"ko": ["요약해 주세요."], "en": ["Summarize this document."]},
}

QUESTIONS = {
    "count": {
        "ko": ["도형이 몇 개 있나요?", "도형은 모두 몇 개인가요?"],
        "en": ["How many shapes are there?", "How many shapes do you see?"],
    },
    "count colour": {"ko": ["{colour} 도형은 몇 개인가요?"], "en": ["How many {colour} shapes are there?"]},
    "count shape": {"ko": ["{shape}은 몇 개인가요?"], "en": ["How many {shape}s are there?"]},
    "colour": {
        "ko": ["{shape}은 무슨 색인가요?"],
        "en": ["What color is the {shape}?", "What colour is the {shape}?"],
    },
    "shape": {"ko": ["{colour} 도형은 무엇인가요?"], "en": ["What shape is {colour}?"]},
    "leftmost": {"ko": ["가장 왼쪽에 있는 도형은 무엇인가요?"], "en": ["Which shape is on the left?"]},
    "rightmost": {"ko": ["가장 오른쪽에 있는 도형은 무엇인가요?"], "en": ["Which shape is on the right?"]},
    "side": {
        "ko": ["{first}은 {second}의 왼쪽에 있나요, 오른쪽에 있나요?"],
        "en": ["Is the {first} to the left or to the right of the {second}?"],
    },
    "value": {"ko": ["{label}의 값은 얼마인가요?"], "en": ["What is the value of {label}?"]},
    "greatest": {"ko": ["값이 가장 큰 항목은 무엇인가요?"], "en": ["Which bar is the highest?"]},
    "least": {"ko": ["값이 가장 작은 항목은 무엇인가요?"], "en": ["Which bar is the lowest?"]},
    "bars": {"ko": ["막대는 몇 개인가요?"], "en": ["How many bars are there?"]},
    "price": {"ko": ["{label}의 가격은 얼마인가요?"], "en": ["What is the price of {label}?"]},
    "total": {"ko": ["합계는 얼마인가요?"], "en": ["What is the total?"]},
    "title": {"ko": ["제목은 무엇인가요?"], "en": ["What is the title?"]},
}

ANSWERS = {
    "text": {"ko": "‘{text}’라고 적혀 있습니다.", "en": "It says: “{text}”."},
    "shapes": {"ko": "{list}이 있습니다.", "en": "It shows: {list}."},
    "counted": {"ko": "{list}: {number}개입니다.", "en": "{list}: {number}."},
    "number": {"ko": "{number}개입니다.", "en": "{number}."},
    "it is": {"ko": "{it}입니다.", "en": "{it}."},
    "colour": {"ko": "{shape}은 {colour}입니다.", "en": "The {shape} is {colour}."},
    "shape": {"ko": "{colour} 도형은 {shape}입니다.", "en": "The {colour} shape is a {shape}."},
    "one of": {"ko": "{name}({number})", "en": "{name} ({number})"},
    "left": {"ko": "{list}: 왼쪽입니다.", "en": "{list}: left."},
    "right": {"ko": "{list}: 오른쪽입니다.", "en": "{list}: right."},
    "value": {"ko": "{label}: {value}입니다.", "en": "{label}: {value}."},
    "chart": {"ko": "막대 {number}개가 있는 차트입니다.", "en": "A bar chart with {number} bars."},
    "chart values": {
        "ko": "막대 차트입니다. 제목: {title}\n{values}\n가장 큰 값: {greatest}",
        "en": "A bar chart. Title: {title}\n{values}\nThe highest: {greatest}",
    },
    "table": {"ko": "행 {rows}개, 열 {columns}개인 표입니다.", "en": "A table. Rows: {rows}, columns: {columns}."},
    "table values": {
        "ko": "행 {rows}개, 열 {columns}개인 표입니다.\n\n{table}",
        "en": "A table. Rows: {rows}, columns: {columns}.\n\n{table}",
    },
    "receipt": {
        "ko": "‘{title}’의 영수증입니다. 합계는 {total}입니다.",
        "en": "A receipt of “{title}”. The total is {total}.",
    },
    "document": {
        "ko": "제목이 ‘{title}’인 문서입니다. 항목은 {number}개입니다.",
        "en": "A document with the title “{title}”. Items: {number}.",
    },
}

COLOURS = {
    "red": ("빨간색", (214, 48, 49)),
    "blue": ("파란색", (42, 92, 214)),
    "green": ("초록색", (38, 150, 72)),
    "yellow": ("노란색", (246, 202, 40)),
    "purple": ("보라색", (136, 62, 170)),
    "orange": ("주황색", (242, 132, 34)),
    "black": ("검은색", (28, 28, 32)),
}
SHAPES = {"circle": "원", "square": "사각형", "triangle": "삼각형", "star": "별"}

LABELS = {
    "total": {"ko": ["합계", "총액"], "en": ["Total", "Sum"]},
    "header": {
        "ko": ["이름", "품목", "가격", "수량", "점수", "날짜"],
        "en": ["Name", "Item", "Price", "Count", "Score", "Date"],
    },
}

CHAT = {
    "ko": {
        "안녕하세요?": "안녕하세요! 무엇을 도와 드릴까요?",
        "안녕하세요.": "안녕하세요! 무엇을 도와 드릴까요?",
        "안녕!": "안녕하세요! 무엇을 도와 드릴까요?",
        "반갑습니다.": "저도 반갑습니다!",
        "고마워요.": "천만에요!",
        "감사합니다.": "천만에요!",
        "안녕히 계세요.": "안녕히 가세요!",
        "누구세요?": "저는 그림을 읽는 작은 데모 모델입니다.",
        "이름이 무엇인가요?": "저는 그림을 읽는 작은 데모 모델입니다.",
        "무엇을 할 수 있나요?": "그림 속의 글자, 도형, 표와 차트를 읽을 수 있습니다.",
    },
    "en": {
        "Hello!": "Hello! How can I help you?",
        "Hi!": "Hello! How can I help you?",
        "Good morning!": "Good morning! How can I help you?",
        "Thank you.": "You are welcome!",
        "Thanks!": "You are welcome!",
        "Goodbye.": "Goodbye!",
        "Who are you?": "I am a small demo model that reads pictures.",
        "What is your name?": "I am a small demo model that reads pictures.",
        "What can you do?": "I can read text, shapes, tables and charts in pictures.",
    },
}

ARITHMETIC = {
    "ko": ["{a} {sign} {b}은 얼마인가요?", "{a} {sign} {b} = ?"],
    "en": ["What is {a} {sign} {b}?", "{a} {sign} {b} = ?"],
}
REPEAT = {"ko": ["다음 말을 그대로 따라 하세요: {text}"], "en": ["Repeat after me: {text}"]}
REWRITE_LIST = {
    "ko": ["다음을 마크다운 목록으로 바꿔 주세요:\n{text}"],
    "en": ["Rewrite this as a Markdown list:\n{text}"],
}
REWRITE_TABLE = {
    "ko": ["다음을 마크다운 표로 바꿔 주세요:\n{text}"],
    "en": ["Rewrite this as a Markdown table:\n{text}"],
}


@lru_cache
def task_prompts() -> dict[str, dict[str, str]]:
    """Language -> task -> the prompt that the package itself uses; it must have been built (npm run build:ts)."""
    program = "import('./dist/vision-tasks.js').then((m) => console.log(JSON.stringify(m.TASK_PROMPTS)))"
    return json.loads(subprocess.check_output(["node", "-e", program], cwd=ROOT, text=True))


def every_text() -> list[str]:
    """All of it with the gaps open: what the vocabulary has whole words for."""
    texts = [text for prompts in task_prompts().values() for text in prompts.values()]
    for table in (TASKS, QUESTIONS):
        texts += [text for by_language in table.values() for variants in by_language.values() for text in variants]
    texts += [text for by_language in ANSWERS.values() for text in by_language.values()]
    for table in (ARITHMETIC, REPEAT, REWRITE_LIST, REWRITE_TABLE):
        texts += [text for variants in table.values() for text in variants]
    texts += [text for lines in CHAT.values() for pair in lines.items() for text in pair]
    for english, (korean, _) in COLOURS.items():
        texts += [english, f" {english}", f" {english.capitalize()}", english.capitalize(), korean, f" {korean}"]
    for english, korean in SHAPES.items():
        texts += [f" {english}", f" {english}s", english.capitalize(), f" {korean}", f"{korean}은", f" {korean}은"]
        texts += [f" {korean}의", f" {korean}이"]
    texts += ["| --- | --- |\n|", " |\n", " |", "\n\n", "\n-", "user", "assistant"]
    return texts
