"""Draws the picture files of the preprocessing tests: every pixel format, orientation and edge size, all of them small."""

from pathlib import Path

import numpy as np
from PIL import Image

ORIENTATION = 0x0112  # EXIF tag

EDGE_SIZES = [  # width × height, around the sides of one to four tiles of 560
    (559, 559), (560, 560), (561, 561), (559, 561), (560, 561), (561, 560), (560, 1119), (560, 1120), (560, 1121),
    (1119, 1120), (1120, 1120), (1121, 1120), (1120, 1121), (1679, 560), (1680, 560), (1681, 560), (559, 1680),
    (2239, 560), (2240, 559), (2241, 561), (560, 2241), (1, 1), (2, 1), (1, 3000), (3000, 1), (3, 2000),
]
PHOTO_SIZES = [(97, 61), (50, 45), (640, 480), (1280, 748), (1920, 1080), (2480, 3508)]


def pattern(width: int, height: int) -> np.ndarray:
    """[h, w, 3]: fine stripes and checks over coarse steps. Hard for a resampler, easy for a compressor."""
    y, x = np.mgrid[0:height, 0:width]
    red = np.where((x // 3 + y // 5) % 2 == 0, 230, 25)
    green = (x // 16 % 16) * 15 + np.where(y % 4 == 0, 15, 0)
    blue = (y // 8 % 32) * 8
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def ramp(width: int, height: int) -> np.ndarray:
    """[h, w, 3]: slow gradients along both axes."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // max(width, 1), y * 255 // max(height, 1), (x + y) % 256], axis=-1).astype(np.uint8)


def alpha(width: int, height: int) -> np.ndarray:
    """[h, w]: every alpha value somewhere."""
    y, x = np.mgrid[0:height, 0:width]
    return ((x * 3 + y) % 256).astype(np.uint8)


def write(folder: Path) -> dict[str, str]:
    """Writes the files and returns file name -> what is special about it."""
    about: dict[str, str] = {}

    def save(name: str, image: Image.Image, special: str, **options) -> None:
        image.save(folder / name, **options)
        about[name] = special

    def png(name: str, image: Image.Image, special: str, **options) -> None:
        save(f"{name}.png", image, special, optimize=True, **options)

    for width, height in EDGE_SIZES:
        png(f"edge-{width}x{height}", Image.fromarray(pattern(width, height)), "size at an edge")
    for width, height in PHOTO_SIZES:
        png(f"size-{width}x{height}", Image.fromarray(pattern(width, height)), "ordinary size")
    modes(png, save)
    deep(folder, png, about)
    orientations(save, png)
    return about


def modes(png, save) -> None:
    colours, opacity = ramp(180, 130), alpha(180, 130)
    noise = np.random.default_rng(3).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    grey = Image.fromarray(colours[..., 0] ^ colours[..., 1])
    rgb = Image.fromarray(colours)
    palette = rgb.quantize(64, dither=Image.Dither.NONE)
    rgba = Image.fromarray(np.dstack([colours, opacity]))
    png("rgb-noise", Image.fromarray(noise), "noise")
    png("rgba", rgba, "alpha of every strength")
    png("rgb-colour-key", Image.fromarray(colours // 64 * 64), "one colour transparent", transparency=(64, 64, 0))
    png("grey", grey, "grey")
    png("grey-1bit", grey.point(lambda v: 255 * (v > 99)).convert("1"), "black and white")
    png("grey-alpha", Image.merge("LA", (grey, Image.fromarray(opacity))), "grey with alpha")
    png("grey-key", Image.fromarray(np.asarray(grey) // 16 * 16), "one grey transparent", transparency=96)
    png("palette", palette, "palette")
    png("palette-4bit", rgb.quantize(16, dither=Image.Dither.NONE), "palette of 16", bits=4)
    png("palette-key", palette, "palette, one entry transparent", transparency=5)
    png("palette-alpha", palette, "palette with an alpha per entry", transparency=bytes(4 * i for i in range(64)))
    save("palette.gif", palette, "GIF, one entry transparent", transparency=5)
    save("rgba.webp", rgba, "lossless WebP with alpha", lossless=True, exact=True)
    # 4:4:4 and 4:2:0; ramps, since decoders differ in how they smooth sharp colour edges
    save("rgb-444.jpg", rgb, "JPEG without chroma subsampling", quality=95, subsampling=0)
    save("rgb-420.jpg", rgb, "JPEG with chroma subsampling", quality=90, subsampling=2)
    save("rgb-progressive.jpg", rgb, "progressive JPEG", quality=90, subsampling=0, progressive=True)
    save("grey.jpg", grey, "grey JPEG", quality=95)
    ink = np.dstack([colours, colours[..., 1] // 2])
    save("cmyk.jpg", Image.fromarray(ink, "CMYK"), "CMYK JPEG, stored inverted as Adobe does", quality=95)


def deep(folder: Path, png, about: dict[str, str]) -> None:
    """16 bits per channel. Pillow writes grey only, so colour is assembled chunk by chunk."""
    y, x = np.mgrid[0:90, 0:140]
    wide = (x * 401 + y * 57) % 65536
    png("grey-16bit", Image.fromarray(wide.astype(np.uint16)), "16-bit grey")
    channels = np.stack([wide, (y * 728) % 65536, (x * 173 + 900) % 65536, (x * 460) % 65536], axis=-1)
    for name, colour_type, count in [("rgb-16bit", 2, 3), ("rgba-16bit", 6, 4), ("grey-alpha-16bit", 4, 2)]:
        picked = channels[..., [0, 3]] if count == 2 else channels[..., :count]
        (folder / f"{name}.png").write_bytes(png_bytes(picked.astype(">u2"), colour_type))
        about[f"{name}.png"] = "16 bits per channel"


def png_bytes(samples: np.ndarray, colour_type: int) -> bytes:
    """A PNG of big-endian 16-bit samples [h, w, channels], every row stored unfiltered."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def orientations(save, png) -> None:
    """The EXIF orientations: the same 200 × 90 picture turned and mirrored, and one in a PNG."""
    image = Image.fromarray(ramp(200, 90))
    for value in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = value
        save(f"exif-{value}.jpg", image, f"EXIF orientation {value}", quality=95, subsampling=0, exif=exif)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    png("exif-6", image, "EXIF orientation 6 in a PNG", exif=exif)
