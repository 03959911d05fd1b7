"""Small pictures for people."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skcomic import ImageReadError
from skcomic.images.thumbnails import encode_raster, encode_thumbnail


def decode(jpeg: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg))
    assert image.format == "JPEG"
    return image


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png"])
def test_colours_and_proportions_are_kept(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (400, 200), (200, 30, 30)).save(tmp_path / name)
    small = decode(encode_thumbnail(tmp_path / name))
    assert small.size == (96, 48)
    red, green, blue = small.getpixel((40, 20))
    assert (red, green, blue) == pytest.approx((200, 30, 30), abs=4)


def test_orientation_transparency_and_sixteen_bits(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.new("RGB", (400, 200), "red").save(tmp_path / "lying.jpg", exif=exif)
    assert decode(encode_thumbnail(tmp_path / "lying.jpg")).size == (48, 96)
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert decode(encode_thumbnail(tmp_path / "clear.png")).getpixel((9, 9)) == (255, 255, 255)
    levels = np.full((50, 50), 40_000, np.uint16)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    grey = decode(encode_thumbnail(tmp_path / "deep.png")).getpixel((9, 9))
    assert grey == pytest.approx((156, 156, 156), abs=2)


def test_pixels_of_a_raster_can_be_seen() -> None:
    raster = np.zeros((8, 12), np.uint8)
    raster[:, 6:] = 255
    picture = decode(encode_raster(raster))
    assert picture.size == (96, 64)
    assert picture.getpixel((20, 20)) < 10
    assert picture.getpixel((70, 20)) > 245


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(ImageReadError, match=r"text\.jpg"):
        encode_thumbnail(tmp_path / "text.jpg")
