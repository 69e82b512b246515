"""Typefaces of Debian packages: those that training sees, and those that only the evaluation sees."""

from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

ROOT = Path("/usr/share/fonts")

# Packages: fonts-dejavu-core fonts-dejavu-extra fonts-liberation2 fonts-lato fonts-roboto fonts-open-sans fonts-nanum
# fonts-nanum-extra fonts-noto-cjk fonts-unfonts-core fonts-baekmuk
LATIN = [
    "truetype/dejavu/DejaVuSans.ttf",
    "truetype/dejavu/DejaVuSans-Bold.ttf",
    "truetype/dejavu/DejaVuSerif.ttf",
    "truetype/dejavu/DejaVuSansCondensed.ttf",
    "truetype/dejavu/DejaVuSansMono.ttf",
    "truetype/liberation2/LiberationSans-Regular.ttf",
    "truetype/liberation2/LiberationSans-Bold.ttf",
    "truetype/liberation2/LiberationSerif-Regular.ttf",
    "truetype/liberation2/LiberationSerif-Bold.ttf",
    "truetype/liberation2/LiberationMono-Regular.ttf",
    "truetype/lato/Lato-Regular.ttf",
    "truetype/lato/Lato-Bold.ttf",
    "truetype/lato/Lato-Medium.ttf",
]
HANGUL = [
    "truetype/nanum/NanumGothic.ttf",
    "truetype/nanum/NanumGothicBold.ttf",
    "truetype/nanum/NanumMyeongjo.ttf",
    "truetype/nanum/NanumMyeongjoBold.ttf",
    "truetype/nanum/NanumSquareR.ttf",
    "truetype/nanum/NanumSquareB.ttf",
    "truetype/nanum/NanumGothicCoding.ttf",
    "truetype/nanum/NanumSquareRoundR.ttf",
    "opentype/noto/NotoSansCJK-Regular.ttc",
    "opentype/noto/NotoSansCJK-Bold.ttc",
    "opentype/noto/NotoSerifCJK-Regular.ttc",
    "truetype/unfonts-core/UnBatang.ttf",
    "truetype/unfonts-core/UnGraphic.ttf",
    "truetype/baekmuk/dotum.ttf",
    "truetype/baekmuk/batang.ttf",
]
HELD_OUT_LATIN = [
    "truetype/open-sans/OpenSans-Regular.ttf",
    "truetype/open-sans/OpenSans-Semibold.ttf",
    "truetype/roboto/unhinted/RobotoTTF/Roboto-Regular.ttf",
    "truetype/roboto/unhinted/RobotoTTF/Roboto-Medium.ttf",
]
HELD_OUT_HANGUL = [
    "truetype/nanum/NanumBarunGothic.ttf",
    "truetype/nanum/NanumBarunGothicBold.ttf",
    "truetype/unfonts-core/UnDotum.ttf",
    "truetype/baekmuk/gulim.ttf",
]


class Face:
    """A typeface at one size."""

    def __init__(self, file: str, size: int):
        self.font = ImageFont.truetype(ROOT / file, size, layout_engine=ImageFont.Layout.BASIC)
        ascent, descent = self.font.getmetrics()
        self.size, self.height = size, ascent + descent
        # the part of a line's box that ink fills
        self.top, self.bottom = max(0, ascent - size), min(self.height, ascent + size // 5)

    def width(self, text: str) -> float:
        return sum(map(self.advance, text))

    @lru_cache(maxsize=None)
    def advance(self, character: str) -> float:
        return self.font.getlength(character)


@lru_cache(maxsize=4096)
def face(file: str, size: int) -> Face:
    return Face(file, size)


def families(held_out: bool) -> tuple[list[str], list[str]]:
    """Files for texts without Hangul, and for texts with it (all of those have Latin letters too)."""
    return (HELD_OUT_LATIN, HELD_OUT_HANGUL) if held_out else (LATIN + HANGUL, HANGUL)
