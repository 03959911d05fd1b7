"""Transparent pixels, levels of 12 and 16 bits, and metadata: what decides a raster."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skcomic import ImageReadError, ImageVectorizer, check_catalogue, load_catalogue, read_raster

# Transparent pixels


@pytest.fixture
def icon(tmp_path: Path) -> Path:
    """White on the left, clear on the right."""
    pixels = np.full((4, 4, 4), 255, dtype=np.uint8)
    pixels[:, 2:, 3] = 0
    path = tmp_path / "icon.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize(
    ("background", "right"), [("white", 255), ("black", 0), (100, 100), ("auto", 0)]
)
def test_transparent_pixels_show_the_background(icon: Path, background, right: int) -> None:
    raster = read_raster(icon, (4, 4), background=background)
    assert raster[:, :2].tolist() == [[255, 255]] * 4
    assert raster[:, 2:].tolist() == [[right, right]] * 4
    row = ImageVectorizer(4, background=background).transform([icon])
    np.testing.assert_array_equal(row[0] * 255, raster.ravel())


@pytest.mark.parametrize(
    ("level", "alpha", "background"),
    [(255, 255, 0), (128, 255, 0), (127, 255, 255), (0, 255, 255), (200, 10, 0), (9, 0, 255)],
)
def test_auto_is_the_contrast_to_the_visible_pixels(
    tmp_path: Path, level: int, alpha: int, background: int
) -> None:
    pixels = np.zeros((4, 4, 4), dtype=np.uint8)
    pixels[:2] = (level, level, level, alpha)
    for name, mode in (("a.png", "RGBA"), ("b.png", "LA")):
        Image.fromarray(pixels).convert(mode).save(tmp_path / name)
        assert read_raster(tmp_path / name, (4, 4), background="auto")[2:].tolist() == (
            [[background] * 4] * 2
        )


def test_the_background_of_palettes_and_of_16_bits(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4), dtype=np.uint8)
    pixels[:, 2:] = 1
    image = Image.fromarray(pixels, "P")
    image.putpalette([250, 250, 250, 10, 10, 10])
    image.save(tmp_path / "palette.png", transparency=1)
    deep = Image.fromarray(np.where(pixels, 7, 250 * 257).astype(np.uint16))
    deep.save(tmp_path / "deep.png", transparency=7)
    for name in ("palette.png", "deep.png"):
        for background, level in (("white", 255), ("auto", 0)):
            raster = read_raster(tmp_path / name, (4, 4), background=background)
            assert raster.tolist() == [[250, 250, level, level]] * 4, name


def test_a_cached_raster_of_another_background_is_not_used(icon: Path, tmp_path: Path) -> None:
    import os

    os.utime(icon, (1, 1))  # settled: files that were just written are not cached
    for background, right in (("white", 1), ("black", 0), ("auto", 0), (51, 0.2), ("white", 1)):
        vectorizer = ImageVectorizer(4, cache=tmp_path / "cache", background=background)
        for _ in range(2):
            assert vectorizer.transform([icon])[0, -1] == pytest.approx(right)


def test_backgrounds_that_are_none(icon: Path) -> None:
    for background in ("grey", 256, -1, None, 0.5):
        with pytest.raises(ValueError, match="'background' parameter"):
            ImageVectorizer(4, background=background).transform([icon])


def test_rasters_without_contrast_are_problems(icon: Path, tmp_path: Path) -> None:
    root = tmp_path / "images"
    for label, shade in (("blank", (255, 255, 255)), ("drawn", None)):
        (root / label).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((40 + number, 40, 4), 255, dtype=np.uint8)
            pixels[:20, :, 3] = 0
            if shade is None:
                pixels[20:, : 10 + 9 * number, :3] = 0
            Image.fromarray(pixels).save(root / label / f"{number}.png")
    problems = check_catalogue(load_catalogue(root, pair="none"))
    found = [(Path(row.path).parent.name, row.kind) for row in problems.itertuples()]
    assert found.count(("blank", "no contrast")) == 3
    assert found.count(("blank", "class without differences")) == 1
    assert not [kind for label, kind in found if label == "drawn"]
    details = dict(zip(problems.kind, problems.detail, strict=True))
    assert details["no contrast"] == (
        "all pixels are of level 255; if it is transparent, choose another background"
    )
    assert details["class without differences"].startswith("all images of blank look the same")


# Levels of 12 and 16 bits


def tiff(levels: np.ndarray, bits: int, photometric: int, **more: int) -> bytes:
    """A grey TIFF file, as the specification describes it; 12 bits are packed."""
    if bits == 12:
        flat = levels.ravel().tolist()
        pairs = zip(flat[::2], flat[1::2], strict=True)
        data = b"".join((first << 12 | second).to_bytes(3, "big") for first, second in pairs)
    else:
        data = levels.astype({8: "<u1", 16: "<u2"}[bits]).tobytes()
    height, width = levels.shape
    entries = {
        256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1,
        278: height, 279: len(data), **{int(tag): value for tag, value in more.items()},
    }  # fmt: skip
    directory = b"".join(
        struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value)
        for tag, value in sorted(entries.items())
    )
    start = 8 + len(data) + len(data) % 2
    body = data.ljust(start - 8, b"\0")
    return (
        struct.pack("<2sHI", b"II", 42, start) + body + struct.pack("<H", len(entries))
        + directory + bytes(4)
    )  # fmt: skip


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("photometric", [0, 1], ids=["white is zero", "black is zero"])
def test_levels_of_tiff_mean_what_their_tags_say(
    tmp_path: Path, bits: int, photometric: int
) -> None:
    grey = np.array([[0, 50], [200, 255]])
    white = 2**bits - 1
    levels = np.round(grey / 255 * white).astype(int)
    path = tmp_path / "image.tif"
    path.write_bytes(tiff(levels if photometric else white - levels, bits, photometric))
    if (bits, photometric) == (12, 0):  # Pillow does not know them
        with pytest.raises(ImageReadError, match="unknown pixel mode"):
            read_raster(path, (2, 2))
        return
    assert read_raster(path, (2, 2)).tolist() == grey.tolist()


def test_signed_levels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    path.write_bytes(tiff(np.array([[0, 50], [200, 255]]), 16, 1, **{"339": 2}))
    with pytest.raises(ImageReadError, match="of mode I have no defined grey level"):
        read_raster(path, (2, 2))


def test_12_bit_levels_in_files_of_16_bits_are_a_problem(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for label, most in (("dark", 4001), ("right", 65_535)):
        (tmp_path / label).mkdir()
        levels = random.integers(0, most, (40, 40), endpoint=True).astype(np.uint16)
        levels[0, 0] = most
        Image.fromarray(levels).save(tmp_path / label / "1.png")
    (problem,) = check_catalogue(load_catalogue(tmp_path)).itertuples()
    assert (Path(problem.path).parent.name, problem.kind) == ("dark", "few levels")
    assert problem.detail.startswith("the highest level is 4001 of 65535")


# Metadata


def with_chunk(png: bytes, name: bytes, content: bytes) -> bytes:
    """Put a chunk behind the header of a PNG file."""
    chunk = struct.pack(">I", len(content)) + name + content
    chunk += struct.pack(">I", zlib.crc32(name + content))
    return png[:33] + chunk + png[33:]


BEYOND_THE_END = b"II*\0\xff\xff\0\0"
ROTATED = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0"
DAMAGED = {
    "Exif header": b"Exif\0\0garbage",
    "no directory": BEYOND_THE_END,
    "cut directory": ROTATED[:14],
    "orientation 0": ROTATED + bytes(8),
    "orientation 9": ROTATED + b"\x09" + bytes(7),
    "a text": ROTATED.replace(b"\3\0\1", b"\2\0\1") + b"abc\0" + bytes(4),
    "nothing": b"",
}


@pytest.mark.parametrize("filter_of_warnings", ["error", "ignore"])
@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_metadata_means_no_orientation(
    tmp_path: Path, damage: str, filter_of_warnings: str
) -> None:
    pixels = np.arange(0, 240, 15, dtype=np.uint8).reshape(4, 4)
    plain = tmp_path / "plain.png"
    Image.fromarray(pixels).save(plain)
    files = {"image.png": with_chunk(plain.read_bytes(), b"eXIf", DAMAGED[damage])}
    for name, kind in (("image.jpg", "JPEG"), ("image.webp", "WEBP")):
        exif = DAMAGED[damage]
        Image.fromarray(pixels).convert("RGB").save(
            tmp_path / name, kind, exif=exif if damage == "Exif header" else b"Exif\0\0" + exif,
            **({"lossless": True} if kind == "WEBP" else {"quality": 100}),
        )  # fmt: skip
        files[name] = (tmp_path / name).read_bytes()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter(filter_of_warnings)
            raster = read_raster(tmp_path / name, (4, 4))
        assert abs(raster.astype(int) - pixels).max() <= 2, name


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (b"iCCP", b"profile\0\0junk"), (b"iCCP", b""), (b"zTXt", b"key\0\0junk"),
        (b"tEXt", b"no end"), (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0junk"),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<no xml \xff"), (b"tIME", b"\xff" * 7),
        (b"pHYs", bytes(9)), (b"gAMA", bytes(4)), (b"sRGB", b"\xff"), (b"cHRM", bytes(32)),
    ],
)  # fmt: skip
def test_other_damaged_metadata_of_png(tmp_path: Path, name: bytes, content: bytes) -> None:
    pixels = np.arange(0, 240, 15, dtype=np.uint8).reshape(4, 4)
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path)
    path.write_bytes(with_chunk(path.read_bytes(), name, content))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_raster(path, (4, 4)).tolist() == pixels.tolist()
