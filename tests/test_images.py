import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy.ndimage import gaussian_filter

import skcomic.images
from skcomic import ImageReadError, read_raster


def smooth_levels(height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).random((height, width)), 12)
    return np.interp(noise, (noise.min(), noise.max()), (0, 255)).astype(np.uint8)


def difference_from_full_decode(path: Path, size: tuple[int, int]) -> np.ndarray:
    with Image.open(path) as image:
        grey = ImageOps.exif_transpose(image).convert("L")
        full = np.asarray(grey.resize(size[::-1], Image.Resampling.BOX))
    return np.abs(read_raster(path, size).astype(int) - full)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_orientation_is_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(smooth_levels(600, 1000)).save(path, exif=exif)

    assert difference_from_full_decode(path, (30, 20)).max() <= 8
    assert difference_from_full_decode(path, (64, 64)).max() <= 8


@pytest.mark.parametrize("length", [64, 65, 91, 127, 128, 200, 363, 512, 1000, 1024])
@pytest.mark.parametrize("side", [32, 64])
def test_a_scaled_jpeg_equals_the_full_decode(tmp_path: Path, length: int, side: int) -> None:
    # Hard edges, where a careless choice of the scale is off by more than 100 levels.
    stripes = np.indices((length, length)).sum(axis=0) % 37 < 12
    path = tmp_path / "stripes.jpg"
    Image.fromarray((stripes * 255).astype(np.uint8)).convert("RGB").save(path, quality=95)

    difference = difference_from_full_decode(path, (side, side))

    assert difference.mean() <= 1
    assert difference.max() <= 16


def test_real_images_equal_the_full_decode(real_dir: Path) -> None:
    paths = [path for path in sorted(real_dir.glob("*/*")) if path.suffix in (".jpg", ".png")]
    assert len(paths) > 100
    for side in (32, 64):
        differences = np.stack([difference_from_full_decode(path, (side, side)) for path in paths])
        assert differences.mean() <= 1
        assert differences.max() <= 16


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.array([[0, 257, 32_768, 65_535]], dtype=np.uint16)).save(path)

    assert read_raster(path, (1, 4), "nearest").tolist() == [[0, 1, 128, 255]]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_lie_over_white(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "clear.png"
    image = Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 2, 2))
    image.convert(mode).save(path)

    assert read_raster(path, (2, 4)).tolist() == [[255, 255, 0, 0]] * 2


def test_colours_become_luma(tmp_path: Path) -> None:
    for mode, suffix in (("CMYK", "jpg"), ("RGB", "jpg"), ("P", "gif"), ("RGB", "bmp")):
        path = tmp_path / f"{mode}.{suffix}"
        Image.new("RGB", (64, 64), (200, 100, 50)).convert(mode).save(path)
        expected = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
        assert abs(read_raster(path, (8, 8)).astype(float) - expected).max() <= 6


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    path = tmp_path / "bits.png"
    Image.fromarray(np.array([[True, False]])).save(path)
    assert read_raster(path, (1, 2)).tolist() == [[255, 0]]


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    frames = [Image.new("L", (8, 8), level) for level in (10, 200)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert read_raster(path, (2, 2)).tolist() == [[10, 10]] * 2


def make_truncated(path: Path) -> None:
    Image.fromarray(smooth_levels(100, 100)).save(path)
    path.write_bytes(path.read_bytes()[:400])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_text("I am a text"), "not an image"),
        (make_truncated, "truncated"),
        (
            lambda path: Image.fromarray(np.zeros((4, 4), np.float32)).save(path, format="TIFF"),
            "mode F have no agreed white",
        ),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, make, reason: str) -> None:
    path = tmp_path / "bad.jpg"
    make(path)
    with pytest.raises(ImageReadError, match=reason) as caught:
        read_raster(path, (4, 4))
    assert caught.value.failures[0].path == str(path)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_no_file_that_another_program_would_open(tmp_path: Path) -> None:
    path = tmp_path / "drawing.jpg"
    Image.new("L", (8, 8)).save(path, format="EPS")
    with pytest.raises(ImageReadError, match="not an image"):
        read_raster(path, (4, 4))


def test_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.png"
    Image.new("L", (100, 100)).save(path)
    monkeypatch.setattr(skcomic.images, "MAX_PIXELS", 9_999)
    with pytest.raises(ImageReadError, match="100 x 100 pixels are more than the limit of 9999"):
        read_raster(path, (4, 4))
