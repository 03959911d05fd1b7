import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy.ndimage import gaussian_filter

from skcomic import ImageReadError, read_raster
from skcomic.images.decoding import ImageFailure


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
    levels = smooth_levels(600, 1000)
    Image.fromarray(levels).save(path, exif=exif)
    # Not from the file: Pillow 13 garbles a TIFF file that it maps into memory and turns.
    turned = {
        1: levels, 2: levels[:, ::-1], 3: levels[::-1, ::-1], 4: levels[::-1],
        5: levels.T, 6: levels.T[:, ::-1], 7: levels.T[::-1, ::-1], 8: levels.T[::-1],
    }[orientation]  # fmt: skip

    for size in ((30, 20), (64, 64)):
        expected = Image.fromarray(turned).resize(size[::-1], Image.Resampling.BOX)
        difference = read_raster(path, size).astype(int) - np.asarray(expected)
        assert np.abs(difference).max() <= 8


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


def test_failures_survive_pickling(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="no such file") as caught:
        read_raster(tmp_path / "none.jpg", (4, 4))
    assert caught.value.failures[0].path == str(tmp_path / "none.jpg")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_names_that_cannot_be_printed_are_escaped() -> None:
    failure = ImageFailure("a\nb\udcff.jpg", "empty", "is empty")
    assert str(failure) == r"'a\nb\udcff.jpg': is empty"
    assert str(failure._replace(path="\N{SNOWMAN}.jpg")) == "\N{SNOWMAN}.jpg: is empty"
