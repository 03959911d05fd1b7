"""Hostile inputs, made by code, each with its expected outcome: a raster or a kind of failure.

`python tests/images/hostile.py` tries all of them and prints the table of outcomes.
"""

import base64
import os
import socket
import struct
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from image_files import (
    ARITHMETIC,
    ARITHMETIC_PROGRESSIVE,
    bmp,
    chunk,
    encoded,
    gif,
    gif_frame,
    png,
    tiff,
    tiff_tags,
    webp_canvas,
    webp_of_many_frames,
    with_jpeg_size,
    with_many_scans,
)
from PIL import Image

from skcomic.images.decoding import ImageReadError, read_raster

SIDE = 16
# Four squares; the grey level of a colour is computed by ITU-R 601, not by the code under test.
COLOURS = np.array([[(40, 40, 40), (250, 10, 60)], [(0, 200, 90), (30, 60, 255)]], dtype=np.uint8)
LEVELS = np.array([[40, 200], [120, 250]], dtype=np.uint8)
WHITE = 255
LOSSY, EXACT = 5, 1


class Failure(NamedTuple):
    """The kind of a failure, and a part of its reason."""

    kind: str
    reason: str


class Levels(NamedTuple):
    """The grey levels of a raster of any size, and the largest error that is accepted."""

    levels: np.ndarray
    tolerance: int = EXACT


class Case(NamedTuple):
    """An input: `make` creates it in an empty folder and returns its path."""

    group: str
    name: str
    make: Callable[[Path], str]
    outcome: Failure | Levels


def luma(colours: np.ndarray) -> np.ndarray:
    """Grey levels of red, green and blue."""
    return colours.astype(float) @ (0.299, 0.587, 0.114)


def squares(values: np.ndarray, side: int = SIDE) -> np.ndarray:
    """An array of four squares, each of one value."""
    return values.repeat(side // 2, axis=0).repeat(side // 2, axis=1)


def grey() -> Image.Image:
    """Four grey squares."""
    return Image.fromarray(squares(LEVELS))


def coloured() -> Image.Image:
    """Four coloured squares."""
    return Image.fromarray(squares(COLOURS))


def noise(side: int = 48) -> Image.Image:
    """An image that no format compresses well."""
    return Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    )


def file_of(data: bytes, name: str = "image.jpg") -> Callable[[Path], str]:
    """Make a file of these bytes."""

    def make(folder: Path) -> str:
        path = folder / name
        path.write_bytes(data)
        return str(path)

    return make


def every_case() -> Iterator[Case]:
    """All inputs."""
    yield from good_formats()
    yield from good_modes()
    yield from orientations()
    yield from animations()
    yield from names()
    yield from truncated()
    yield from bombs()
    yield from no_images()
    yield from no_files()


def good_formats() -> Iterator[Case]:
    """Each format, and each kind of JPEG, also under another's extension."""
    written = {
        "baseline": encoded(coloured(), "JPEG", quality=95, subsampling=0),
        "progressive": encoded(coloured(), "JPEG", quality=95, subsampling=0, progressive=True),
        "WebP": encoded(coloured(), "WEBP", quality=95),
        "AVIF": encoded(coloured(), "AVIF", quality=95, subsampling="4:4:4"),
    }
    for name, data in written.items():
        for extension in ("jpg", "png", "txt"):
            make = file_of(data, f"image.{extension}")
            yield Case("format", f"{name}.{extension}", make, Levels(luma(COLOURS), LOSSY))
    lossless: dict[str, tuple[str, dict[str, Any]]] = {
        "PNG": ("PNG", {}), "GIF": ("GIF", {}), "BMP": ("BMP", {}), "PPM": ("PPM", {}),
        "JPEG 2000": ("JPEG2000", {}), "TIFF": ("TIFF", {}), "WebP": ("WEBP", {"lossless": True}),
        "TIFF, LZW": ("TIFF", {"compression": "tiff_lzw"}),
        "TIFF, deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
        "TIFF, PackBits": ("TIFF", {"compression": "packbits"}), "PCX": ("PCX", {}),
        "SGI": ("SGI", {}), "DDS": ("DDS", {}),
    }  # fmt: skip
    for name, (kind, options) in lossless.items():
        data = encoded(coloured(), kind, **options)
        for extension in ("jpg", "bmp"):
            make = file_of(data, f"image.{extension}")
            yield Case("format", f"{name}.{extension}", make, Levels(luma(COLOURS), 2))
    for name, text in (("sequential", ARITHMETIC), ("progressive", ARITHMETIC_PROGRESSIVE)):
        make = file_of(base64.b64decode(text))
        yield Case("format", f"arithmetic, {name}", make, Levels(LEVELS, LOSSY))
    both = encoded(coloured(), "MPO", save_all=True, append_images=[grey()], quality=95)
    yield Case("format", "MPO", file_of(both), Levels(luma(COLOURS), 8))


def good_modes() -> Iterator[Case]:
    """Each kind of pixel, and extreme sides."""

    def case(name: str, data: bytes, levels: Any, tolerance: int = EXACT) -> Case:
        return Case("pixels", name, file_of(data), Levels(np.array(levels), tolerance))

    deep = Image.fromarray(squares(LEVELS.astype(np.uint16) * 257))
    yield case("16-bit PNG", encoded(deep, "PNG"), LEVELS)
    yield case("16-bit TIFF", encoded(deep, "TIFF"), LEVELS)
    yield case("16-bit JPEG 2000", encoded(deep, "JPEG2000"), LEVELS)
    bits = Image.fromarray(squares(LEVELS > 128))
    for kind in ("PNG", "TIFF", "BMP", "PPM"):
        yield case(f"1-bit {kind}", encoded(bits, kind), (LEVELS > 128) * WHITE)
    fax = encoded(bits, "TIFF", compression="group4")
    yield case("1-bit TIFF, group 4", fax, (LEVELS > 128) * WHITE)

    palette = grey().quantize(4)
    yield case("palette", encoded(palette, "PNG"), LEVELS)
    clear = palette.getpixel((0, 0))
    over_white = np.array([[WHITE, 200], [120, 250]])
    yield case("palette, one clear", encoded(palette, "PNG", transparency=clear), over_white)
    alphas = bytes(0 if index == clear else 255 for index in range(4))
    yield case("palette, alphas", encoded(palette, "PNG", transparency=alphas), over_white)
    yield case("GIF, one clear", encoded(palette, "GIF", transparency=clear), over_white)
    opaque = Image.fromarray(squares(np.array([[0, 255], [255, 255]], dtype=np.uint8)))
    with_alpha = Image.merge("LA", (grey(), opaque))
    yield case("LA", encoded(with_alpha, "PNG"), over_white)
    for kind in ("PNG", "TIFF", "JPEG2000"):
        yield case(f"RGBA {kind}", encoded(with_alpha.convert("RGBA"), kind), over_white)
    lossless = encoded(with_alpha.convert("RGBA"), "WEBP", lossless=True)
    yield case("RGBA WebP", lossless, over_white)
    yield case("clear level", encoded(grey(), "PNG", transparency=40), over_white)

    yield case("CMYK TIFF", encoded(coloured().convert("CMYK"), "TIFF"), luma(COLOURS), 2)
    ink = encoded(coloured().convert("CMYK"), "JPEG", quality=95, subsampling=0)
    yield case("CMYK JPEG", ink, luma(COLOURS), LOSSY)
    # The last byte of Adobe's segment says that Y, Cb, Cr and K are stored; Pillow stores 255 - x.
    full = Image.new("L", (SIDE, SIDE), 127)
    planes = Image.merge("CMYK", (grey(), full, full, Image.new("L", (SIDE, SIDE), 0)))
    data = bytearray(encoded(planes, "JPEG", quality=95, subsampling=0))
    data[data.find(b"Adobe") + 11] = 2
    yield case("YCCK JPEG", bytes(data), LEVELS, LOSSY)
    colours = encoded(coloured().convert("YCbCr"), "TIFF")
    yield case("YCbCr TIFF", colours, luma(COLOURS), 3)

    yield case("1x1", encoded(Image.new("L", (1, 1), 77), "PNG"), [[77, 77], [77, 77]])
    for size in ((1, 10_000), (10_000, 1)):
        for kind in ("PNG", "JPEG"):
            name = f"{size[0]}x{size[1]} {kind}"
            yield case(name, encoded(Image.new("L", size, 77), kind), [[77, 77], [77, 77]])
    for mode in ("F", "I", "LAB"):
        data = encoded(Image.new(mode, (SIDE, SIDE)), "TIFF")
        refused = Failure("unreadable", f"pixels of mode {mode} have no defined grey level")
        yield Case("pixels", f"TIFF of mode {mode}", file_of(data), refused)


def orientations() -> Iterator[Case]:
    """The eight orientations of the EXIF data, by the table of the EXIF standard."""
    a, b, c, d = LEVELS.ravel()
    seen = {
        1: [[a, b], [c, d]], 2: [[b, a], [d, c]], 3: [[d, c], [b, a]], 4: [[c, d], [a, b]],
        5: [[a, c], [b, d]], 6: [[c, a], [d, b]], 7: [[d, b], [c, a]], 8: [[b, d], [a, c]],
    }  # fmt: skip
    wide = grey().resize((4 * SIDE, 2 * SIDE), Image.Resampling.NEAREST)
    for orientation, levels in seen.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        for kind, options in (
            ("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}),
            ("TIFF", {"compression": "tiff_lzw"}),
        ):  # fmt: skip
            data = encoded(wide, kind, exif=exif, **options)
            name = f"{kind} {''.join(options)} {orientation}"
            outcome = Levels(np.array(levels), LOSSY)
            yield Case("orientation", name, file_of(data), outcome)


def animations() -> Iterator[Case]:
    """The first frame, and animations that are too large."""
    second = Image.new("RGB", (SIDE, SIDE), "black")
    for kind, options in (("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True})):
        data = encoded(coloured(), kind, save_all=True, append_images=[second] * 3, **options)
        yield Case("animation", kind, file_of(data), Levels(luma(COLOURS), 2))
    too_long = Failure("too large", "more frames than the limit of 10000")
    frames = gif(8, 8, *[gif_frame(0, 0, 1, 1)] * 10_001)
    yield Case("animation", "GIF of 10,001 frames", file_of(frames), too_long)
    control = chunk(b"acTL", struct.pack(">II", 2_000_000_000, 0))
    yield Case("animation", "PNG of 2e9 frames", file_of(png(8, 8, control)), too_long)
    frames = webp_of_many_frames(10_001)
    yield Case("animation", "WebP of 10,001 frames", file_of(frames), too_long)
    for name, data in (
        ("GIF of 65,535 x 65,535", gif(65_535, 65_535, gif_frame(0, 0, 8, 8))),
        ("GIF with a frame outside", gif(8, 8, gif_frame(65_000, 65_000, 8, 8))),
        ("WebP of 16,777,216 x 200", webp_canvas(1 << 24, 200)),
    ):
        yield Case("animation", name, file_of(data), Failure("too large", "pixels are more than"))


def names() -> Iterator[Case]:
    """Unusual file names."""
    data = encoded(grey(), "PNG")
    for what, name in (
        ("a line break", "two\nlines.png"), ("no text", os.fsdecode(b"\xff\xfe.png")),
        ("emoji", "\N{PILE OF POO}.png"), ("255 bytes", "n" * 251 + ".png"), ("spaces", "  "),
        ("a hyphen", "-"), ("no extension", "image"), ("a shell's signs", "$(reboot);*?'\".png"),
    ):  # fmt: skip
        yield Case("name", what, file_of(data, name), Levels(LEVELS))
        bad = file_of(b"no image", name)
        yield Case("name", f"{what}, no image", bad, Failure("not an image", "not an image"))


def truncated() -> Iterator[Case]:
    """Files that end at each tenth of their length."""
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "JPEG": ("JPEG", {}), "progressive JPEG": ("JPEG", {"progressive": True}),
        "PNG": ("PNG", {}), "GIF": ("GIF", {}), "WebP": ("WEBP", {}), "BMP": ("BMP", {}),
        "lossless WebP": ("WEBP", {"lossless": True}), "TIFF": ("TIFF", {}), "PPM": ("PPM", {}),
        "TIFF, LZW": ("TIFF", {"compression": "tiff_lzw"}), "JPEG 2000": ("JPEG2000", {}),
        "PCX": ("PCX", {}), "SGI": ("SGI", {}), "DDS": ("DDS", {}),
    }  # fmt: skip
    for name, (kind, options) in kinds.items():
        data = encoded(noise(), kind, **options)
        for tenth in range(1, 10):
            make = file_of(data[: len(data) * tenth // 10])
            yield Case("truncated", f"{name}, {tenth}/10", make, Failure("truncated", "ends too"))


def bombs() -> Iterator[Case]:
    """Small files that require much memory or time."""

    def case(name: str, data: bytes, reason: str, kind: str = "too large") -> Case:
        return Case("bomb", name, file_of(data), Failure(kind, reason))

    pixels = "pixels are more than the limit of 178956970"
    small = encoded(grey(), "JPEG")
    yield case("PNG of 60,000 x 60,000", png(60_000, 60_000), f"60000 x 60000 {pixels}")
    yield case("JPEG header of 65,500", with_jpeg_size(small, 65_500, 65_500), pixels)
    yield case(
        "JPEG header of 12,000", with_jpeg_size(small, 12_000, 12_000), "cannot hold", "truncated"
    )
    yield case("PNG header of 9,000", png(9_000, 9_000), "cannot hold", "truncated")
    yield case("PPM of 60,000", b"P5 60000 60000 255\n" + bytes(99), pixels)
    yield case("BMP of 60,000", bmp(60_000, 60_000, 0, bytes(99)), pixels)
    yield case("TIFF of 60,000", tiff(*tiff_tags(60_000, 60_000)), pixels)
    data = bytearray(encoded(grey(), "JPEG2000", no_jp2=True))
    struct.pack_into(">IIIIII", data, 8, 60_000, 60_000, 0, 0, 60_000, 60_000)
    yield case("JPEG 2000 of 60,000", bytes(data), pixels)
    data = bytearray(encoded(grey(), "WEBP"))
    struct.pack_into("<HH", data, 26, 16_383, 16_383)
    yield case("WebP of 16,383", bytes(data), pixels)
    data = bytearray(encoded(grey(), "WEBP", lossless=True))
    struct.pack_into("<I", data, 21, 0x3FFF | 0x3FFF << 14)
    yield case("lossless WebP of 16,384", bytes(data), pixels)

    packed = zlib.compress(bytes(80_000_000), 9)
    text, profile = chunk(b"zTXt", b"a\0\0" + packed), chunk(b"iCCP", b"a\0\0" + packed)
    black = Levels(np.zeros((2, 2)))  # its metadata are left out
    yield Case("bomb", "PNG text of 80 MB", file_of(png(8, 8, text)), black)
    yield Case("bomb", "PNG profile of 80 MB", file_of(png(8, 8, profile)), black)
    packed = zlib.compress(bytes(1_000_000), 9)
    many = [chunk(b"zTXt", b"a%d\0\0" % number + packed) for number in range(70)]
    yield Case("bomb", "PNG of 70 texts of 1 MB", file_of(png(8, 8, *many)), black)
    many_scans = with_many_scans(encoded(grey(), "JPEG", progressive=True), 5_000)
    yield case("JPEG of 5,000 scans", many_scans, "scans are more than the limit of 100")
    rows = b"\0\0" * 12_000 + b"\0\1"
    yield case("run-length BMP of 12,000", bmp(12_000, 12_000, 1, rows), "limit of 8388608")
    strips = tiff(*tiff_tags(8, 8, strips=0x3FFF_FFFF))
    yield case("TIFF of 1e9 strips", strips, "damaged", "unreadable")

    def sparse(folder: Path) -> str:
        path = folder / "image.jpg"
        path.write_bytes(small)
        os.truncate(path, 1 << 40)
        return str(path)

    yield Case("bomb", "a file of 1 TiB", sparse, Failure("too large", "bytes are more than"))


def no_images() -> Iterator[Case]:
    """Files of other kinds with the name of an image."""
    contents = {
        "zero bytes": b"", "text": b"I am a text", "one byte": b"\xff", "zeros": bytes(1000),
        "PDF": b"%PDF-1.7\n", "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n",
        "HTML": b"<!DOCTYPE html>", "zip": b"PK\3\4" + bytes(99),
        "EPS of Pillow": encoded(grey(), "EPS"),
    }  # fmt: skip
    others = {
        "HEIC": b"\0\0\0\x18ftypheic" + bytes(8) + b"mif1heic", "JPEG XL": b"\xff\x0a" + bytes(9),
        "ICO": encoded(grey(), "ICO"), "ICNS": b"icns" + bytes(9), "QOI": b"qoif" + bytes(9),
    }  # fmt: skip
    for name, data in others.items():
        reason = f"is of the format {name}, which is not read here"
        yield Case("no image", name, file_of(data), Failure("not an image", reason))
    for name, data in contents.items():
        kind = "not an image" if data else "empty"
        reason = "not an image in any of the formats" if data else "is empty"
        yield Case("no image", name, file_of(data), Failure(kind, reason))
    for name, data in (
        ("a beginning of BMP", b"BMW cars"), ("a beginning of JPEG", b"\xff\xd8\xff" + b"j" * 9),
        ("a beginning of PNG", b"\x89PNG\r\n\x1a\n" + b"junk" * 9),
    ):  # fmt: skip
        yield Case("no image", name, file_of(data), Failure("", "damaged"))


def no_files() -> Iterator[Case]:
    """Paths of something else than a file, or of nothing."""

    def folder_of(folder: Path) -> str:
        (folder / "x.jpg").mkdir()
        return str(folder / "x.jpg")

    def link(to: str) -> Callable[[Path], str]:
        def make(folder: Path) -> str:
            (folder / "x.jpg").symlink_to(to)
            return str(folder / "x.jpg")

        return make

    def pipe(folder: Path) -> str:
        os.mkfifo(folder / "x.jpg")
        return str(folder / "x.jpg")

    def listening(folder: Path) -> str:
        before = Path.cwd()
        os.chdir(folder)  # the names of sockets are short
        try:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind("x.jpg")
        finally:
            os.chdir(before)
        return str(folder / "x.jpg")

    irregular = Failure("not an image", "is not a regular file")
    nowhere = Failure("missing", "is a broken link")
    yield Case("no file", "folder", folder_of, Failure("not an image", "is a folder"))
    yield Case("no file", "missing", lambda folder: "no/x.jpg", Failure("missing", "no such file"))
    yield Case("no file", "dangling link", link("nowhere.jpg"), nowhere)
    yield Case("no file", "looping link", link("x.jpg"), nowhere)
    yield Case("no file", "link to a folder", link("."), Failure("not an image", "is a folder"))
    yield Case("no file", "pipe", pipe, irregular)
    yield Case("no file", "socket", listening, irregular)
    for device in ("/dev/zero", "/dev/null", "/dev/tty"):
        yield Case("no file", device, link(device), irregular)
    long = Failure("unreadable", "File name too long")
    yield Case("no file", "a name of 300 bytes", lambda folder: f"{folder}/{'n' * 300}", long)
    no_name = Failure("missing", "is not a valid file name")
    yield Case("no file", "a name with a zero byte", lambda folder: f"{folder}/a\0b.jpg", no_name)
    yield Case("no file", "half a character", lambda folder: f"{folder}/\ud800.jpg", no_name)


def outcome_of(case: Case, folder: Path) -> tuple[str, str]:
    """Try an input; return the kind of the outcome, and how it differs from the expected one."""
    path = case.make(folder)
    expected = case.outcome
    shape = expected.levels.shape if isinstance(expected, Levels) else (2, 2)
    try:
        raster = read_raster(path, shape)
    except ImageReadError as error:
        (failure,) = error.failures
        str(error).encode()  # can be printed
        if isinstance(expected, Levels):
            return failure.kind, f"{failure.kind}: {failure.reason}"
        is_right = expected.kind in failure.kind and expected.reason in failure.reason
        return failure.kind, "" if is_right else f"{failure.kind}: {failure.reason}"
    if isinstance(expected, Failure):
        return "raster", f"a raster {raster.tolist()}"
    difference = np.abs(raster - expected.levels.astype(float)).max()
    is_right = difference <= expected.tolerance
    return "raster", "" if is_right else f"{raster.tolist()}, not {expected.levels.tolist()}"


def main() -> None:
    """Try all inputs and print how many there are by group and by outcome."""
    counts: Counter[tuple[str, str]] = Counter()
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for case in every_case():
            with tempfile.TemporaryDirectory() as folder:
                outcome, fault = outcome_of(case, Path(folder))
            counts[case.group, outcome] += 1
            if fault:
                wrong.append(f"{case.group}, {case.name}: {fault}")
    groups, outcomes = (sorted({key[i] for key in counts}) for i in (0, 1))
    print("".join(f"{title:>14}" for title in ("", "inputs", *outcomes)))
    for group in (*groups, "all"):
        row = [sum(n for (g, o), n in counts.items() if group in (g, "all") and o == outcome)
               for outcome in outcomes]  # fmt: skip
        print(f"{group:>14}" + "".join(f"{number:>14}" for number in (sum(row), *row)))
    print("\n".join(wrong) or "every outcome is the expected one")


if __name__ == "__main__":
    main()
