"""Images changed as those from elsewhere may differ."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skcomic import ImageReadError, read_raster
from skcomic.images.decoding import Rendering, read_grey, resize_grey
from skcomic.images.perturbing import PERTURBATIONS, perturb, perturbed_rasters


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(40, 200, (12, 16), dtype=np.uint8))
    path = tmp_path / "photograph.png"
    coarse.resize((160, 120), Image.Resampling.BICUBIC).convert("RGB").save(path)
    return path


def test_what_is_not_changed_is_what_a_study_sees(photograph: Path) -> None:
    for size in ((12, 16), (30, 30)):
        raster = resize_grey(read_grey(photograph), size)
        assert np.abs(raster.astype(int) - read_raster(photograph, size)).max() <= 1


def test_each_perturbation_is_what_it_is_called(photograph: Path) -> None:
    image = read_grey(photograph)
    levels = np.asarray(image).astype(float)
    changed = perturb(image, 10, np.random.default_rng(0))
    of = {
        name: np.asarray(each).astype(float)
        for name, each in zip(PERTURBATIONS, changed, strict=True)
    }
    assert all(each.shape == levels.shape for each in of.values())
    assert np.array_equal(of["mirrored"], levels[:, ::-1])
    moves = [levels[:, 20:], levels[:, :-20], levels[20:], levels[:-20]]
    moved = of["moved by 2 pixels"]
    to = [moved[:, :-20], moved[:, 20:], moved[:-20], moved[20:]]
    assert sum(np.array_equal(one, other) for one, other in zip(moves, to, strict=True)) == 1
    assert np.abs(of["20 % darker"] - 0.8 * levels).max() <= 0.5
    assert np.abs(of["20 % brighter"] - np.minimum(1.2 * levels, 255)).max() <= 0.5
    assert of["half the contrast"].std() == pytest.approx(levels.std() / 2, rel=0.01)
    assert of["half the contrast"].mean() == pytest.approx(levels.mean(), abs=0.5)
    assert np.abs(np.diff(of["blurred by 1 pixel"])).mean() < 0.7 * np.abs(np.diff(levels)).mean()
    noise = of["noise of 10 %"] - levels
    assert (noise.mean(), noise.std()) == pytest.approx((0, 25.5), abs=1)
    assert 0.5 < np.abs(of["JPEG of quality 30"] - levels).mean() < 10


def test_rasters_are_in_order_and_decided_by_the_seed(photograph: Path, tmp_path: Path) -> None:
    black = tmp_path / "black.png"
    Image.new("L", (40, 40), 0).save(black)
    paths = [photograph, black] * 3
    rasters = perturbed_rasters(paths, (8, 8), Rendering(), seed=0, n_jobs=2)
    assert tuple(rasters) == PERTURBATIONS
    for name, each in rasters.items():
        assert each.shape == (6, 8, 8)
        assert each[1].mean() < 20 < each[0].mean(), name
    again = perturbed_rasters(paths, (8, 8), Rendering(), seed=0)
    other = perturbed_rasters(paths, (8, 8), Rendering(), seed=1)
    assert all(np.array_equal(rasters[name], again[name]) for name in rasters)
    assert not np.array_equal(rasters["noise of 10 %"], other["noise of 10 %"])
    assert np.array_equal(rasters["mirrored"], other["mirrored"])
    # Two images of one file are not changed by the same noise.
    assert not np.array_equal(rasters["noise of 10 %"][0], rasters["noise of 10 %"][2])


def test_what_cannot_be_read_is_named(photograph: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    with pytest.raises(ImageReadError, match=r"text\.jpg"):
        perturbed_rasters([photograph, text], (8, 8), Rendering(), seed=0)
