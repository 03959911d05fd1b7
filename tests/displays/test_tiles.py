"""The figures of images: mistakes, rasters, and which part of an image decides."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skcomic import ImageGridDisplay, ImageVectorizer, OcclusionDisplay, RasterDisplay, read_raster
from skcomic.evidence.occlusion import occlusion_map


@pytest.fixture
def colours(tmp_path: Path) -> pd.DataFrame:
    """Images of one colour each, by their names."""
    names = ["red", "green", "blue", "white"]
    for name in names:
        Image.new("RGB", (40, 20), name).save(tmp_path / f"{name}.png")
    return pd.DataFrame({"path": [str(tmp_path / f"{name}.png") for name in names]})


def shown(ax) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


def test_the_surest_mistakes_come_first(colours: pd.DataFrame) -> None:
    y_proba = np.array([[0.6, 0.4], [0.2, 0.8], [0.9, 0.1], [0.95, 0.05]])
    y_true = np.array(["a", "a", "b", "b"])
    display = ImageGridDisplay.from_predictions(
        colours.path, y_true, y_proba, classes=["a", "b"], max_images=2
    ).plot()
    assert [ax.get_xlabel() for ax in display.axes_] == [
        "b (5%)\ntaken for a", "b (10%)\ntaken for a",
    ]  # fmt: skip
    first, second = map(shown, display.axes_)
    assert first.shape == (20, 40, 3)
    assert first[3, 3].tolist() == [255, 255, 255]
    assert second[3, 3].tolist() == [0, 0, 255]


def test_without_mistakes_nothing_is_shown(colours: pd.DataFrame) -> None:
    display = ImageGridDisplay.from_predictions(
        colours.path, ["a"] * 4, np.tile([0.9, 0.1], (4, 1)), classes=["a", "b"]
    ).plot()
    assert display.axes_ == []


def test_an_image_is_shown_as_it_is_and_as_its_pixels(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "image.png"
    Image.fromarray(random.integers(0, 256, (50, 50, 3), dtype=np.uint8)).save(path)
    display = RasterDisplay.from_path(path, sizes=(16, (8, 12))).plot()
    assert [ax.get_xlabel() for ax in display.axes_] == ["image", "16x16", "8x12"]
    assert shown(display.axes_[0]).shape == (50, 50, 3)
    assert np.array_equal(shown(display.axes_[1]), read_raster(path, (16, 16)))
    assert np.array_equal(shown(display.axes_[2]), read_raster(path, (8, 12)))
    assert display.axes_[1].images[0].get_clim() == (0, 255)


def test_there_is_room_for_the_longest_caption() -> None:
    pictures = np.zeros((3, 8, 8))
    one_line = ImageGridDisplay(pictures, ["a", "b", "c"]).figsize
    two_lines = ImageGridDisplay(pictures, ["a", "b\nb", "c"]).figsize
    assert one_line[0] == two_lines[0]
    assert one_line[1] + 0.2 == pytest.approx(two_lines[1])
    display = ImageGridDisplay(pictures, ["a", "b\nb", "c"]).plot()
    display.figure_.canvas.draw()
    lowest = min(ax.xaxis.label.get_window_extent().y0 for ax in display.axes_)
    assert 0 <= lowest < 0.3 * display.figure_.dpi


def test_axes_that_are_given_are_divided(colours: pd.DataFrame) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = RasterDisplay.from_path(colours.path[0], sizes=(8,)).plot(right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.child_axes
    assert right.child_axes == display.axes_


# Which part of an image decides


def test_the_part_that_decides_is_where_the_class_is() -> None:
    image = np.full((32, 32), 0.5, np.float32)
    image[4:10, 20:28] = 1  # it is of the class since this is bright
    image[24:30, 2:8] = 1  # which speaks against it

    def predict_proba(rows: np.ndarray) -> np.ndarray:
        images = rows.reshape(-1, 32, 32)
        speaks = images[:, 4:10, 20:28].mean(axis=(1, 2)) - images[:, 24:30, 2:8].mean(axis=(1, 2))
        chance = 1 / (1 + np.exp(-5 * speaks))
        return np.column_stack([1 - chance, chance])

    decrease = occlusion_map(predict_proba, image, 1)
    assert decrease.shape == (32, 32)
    row, column = np.unravel_index(decrease.argmax(), decrease.shape)
    assert 4 <= row < 10
    assert 20 <= column < 28
    row, column = np.unravel_index(decrease.argmin(), decrease.shape)
    assert row >= 20
    assert column < 12
    assert decrease[20:, 20:] == pytest.approx(0, abs=1e-6)
    assert occlusion_map(predict_proba, image, 0) == pytest.approx(-decrease, abs=1e-6)


@pytest.mark.parametrize("shape", [(5, 5), (3, 17), (1, 1), (64, 48)])
def test_every_pixel_is_covered(shape: tuple[int, int]) -> None:
    decrease = occlusion_map(lambda rows: np.full((len(rows), 2), 0.5), np.ones(shape), 0)
    assert np.array_equal(decrease, np.zeros(shape))


def test_a_certain_answer_has_a_finite_map() -> None:
    image = np.eye(16, dtype=np.float32)
    decrease = occlusion_map(lambda rows: np.tile([1.0, 0.0], (len(rows), 1)), image, 1)
    assert np.isfinite(decrease).all()


def test_the_map_of_a_pipeline_is_of_its_pixels(faces: pd.DataFrame) -> None:
    model = make_pipeline(ImageVectorizer(12), LogisticRegression()).fit(faces.path, faces.label)
    paths = faces.path[:3]
    display = OcclusionDisplay.from_estimator(model, paths).plot()
    assert display.captions == model.predict(paths).tolist()
    for ax, path, decrease in zip(display.axes_, paths, display.maps, strict=True):
        pixels, marked = ax.images
        assert np.asarray(pixels.get_array()) * 255 == pytest.approx(
            read_raster(path, (12, 12)).astype(float), abs=1e-3
        )
        assert np.array_equal(marked.get_array(), decrease)
        assert marked.get_clim() == (-max(0.5, abs(decrease).max()), max(0.5, abs(decrease).max()))
    other = OcclusionDisplay.from_estimator(model, paths, labels=["faces"] * 3)
    row = display.pictures[0]
    assert np.array_equal(other.maps[0], occlusion_map(model[1:].predict_proba, row, 1))


def test_what_makes_no_rows_has_no_map(faces: pd.DataFrame) -> None:
    with pytest.raises(TypeError, match="begins with an ImageVectorizer, not of LogisticRegress"):
        OcclusionDisplay.from_estimator(LogisticRegression(), faces.path)
