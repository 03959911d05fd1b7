"""Histograms of oriented gradients, beside those of scikit-image."""

import pickle
from unittest import mock

import numpy as np
import pytest
from skimage.feature import hog
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skcomic import HogVectorizer, ImageVectorizer
from skcomic.features import hog as module


def draw(shape: tuple[int, int], n_images: int = 7) -> np.ndarray:
    """Noise of 256 levels, a constant image, a blank one, a ramp, and few levels."""
    random = np.random.default_rng(0)
    images = (random.integers(256, size=(n_images, *shape)) / 255).astype(np.float32)
    images[0], images[1] = 0.3, 0
    images[2] = np.arange(shape[1]) / shape[1]
    images[3] = images[3].round()  # many gradients on the border of two directions
    images[4] /= 1000  # as weak as what keeps the length of a block above zero
    return images


def by_scikit_image(images: np.ndarray, vectorizer: HogVectorizer) -> np.ndarray:
    cell, block = vectorizer.cell_size, vectorizer.block_size
    return np.array([
        hog(image, vectorizer.orientations, (cell, cell), (block, block), block_norm="L2-Hys")
        for image in images
    ])  # fmt: skip


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"orientations": 8, "block_size": 1},
        {"orientations": 7, "cell_size": 3},
        {"orientations": 12, "cell_size": 5, "block_size": 3},
        {"orientations": 1, "cell_size": 1},
    ],
)
@pytest.mark.parametrize("shape", [(16, 16), (32, 32), (17, 30), (41, 16)])
def test_they_are_those_of_scikit_image(shape, parameters) -> None:
    images = draw(shape)
    vectorizer = HogVectorizer(image_shape=shape, **parameters)
    features = vectorizer.fit_transform(images.reshape(len(images), -1))
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, by_scikit_image(images, vectorizer), atol=1e-5, rtol=0)


def test_rows_are_square_images_without_a_shape() -> None:
    rows = draw((16, 16)).reshape(7, -1)
    shaped = HogVectorizer(image_shape=[16, 16]).transform(rows)
    np.testing.assert_array_equal(HogVectorizer().transform(rows), shaped)


def test_padded_rows_have_zeros_after_them() -> None:
    rows = draw((9, 10)).reshape(7, -1)
    padded = np.pad(rows, ((0, 0), (0, 10)))
    np.testing.assert_array_equal(
        HogVectorizer(image_shape="pad").transform(rows), HogVectorizer().transform(padded)
    )
    assert HogVectorizer(image_shape="pad").transform(rows[:, :3]).shape == (7, 36)


@pytest.mark.parametrize("n_at_once", [1, 2, 3, 7, 100])
def test_images_do_not_depend_on_those_beside_them(n_at_once) -> None:
    rows = draw((16, 16)).reshape(7, -1)
    alone = np.vstack([HogVectorizer().transform(row[None]) for row in rows])
    with mock.patch.object(module, "_PIXELS_AT_ONCE", n_at_once * 256):
        np.testing.assert_array_equal(HogVectorizer().transform(rows), alone)
        np.testing.assert_array_equal(HogVectorizer().transform(rows[::-1]), alone[::-1])


def test_images_without_edges_have_zeros() -> None:
    features = HogVectorizer().transform(np.full((2, 256), [[0.0], [0.7]]))
    assert not features.any()


def test_directions_are_told_apart_and_brightness_is_not(stripes) -> None:
    images, labels = stripes[0].reshape(-1, 8, 8), stripes[1]
    # Wider ones: the two neighbours of a pixel are equal in stripes of one pixel.
    rows = images.repeat(2, axis=1).repeat(2, axis=2).reshape(-1, 256)
    features = HogVectorizer().transform(rows)
    np.testing.assert_allclose(HogVectorizer().transform(rows / 2 + 0.3), features, atol=1e-3)
    classifier = make_pipeline(HogVectorizer(), LogisticRegression())
    assert classifier.fit(rows[::2], labels[::2]).score(rows[1::2], labels[1::2]) == 1


@pytest.mark.parametrize("degrees", range(10, 180, 20))
def test_an_edge_counts_for_its_own_direction(degrees) -> None:
    row, column = np.mgrid[:16, :16] / 32
    angle = np.deg2rad(degrees)
    ramp = 0.5 + row * np.sin(angle) / 2 + column * np.cos(angle) / 2
    features = HogVectorizer(block_size=1).transform([ramp.ravel()]).reshape(4, 4, 9)
    inner = features[1:-1, 1:-1]
    assert (inner.argmax(axis=-1) == degrees // 20).all()
    assert (np.count_nonzero(inner, axis=-1) == 1).all()


def test_features_have_names() -> None:
    vectorizer = HogVectorizer(orientations=2, image_shape=(8, 12)).set_output(transform="pandas")
    rows = np.zeros((2, 96), dtype=np.float32)
    rows.reshape(2, 8, 12)[:, :, 9:] = 1  # the edge runs down, in the last cells
    table = vectorizer.fit_transform(rows)
    assert list(table) == list(vectorizer.get_feature_names_out())
    assert table.shape == (2, 2 * 4 * 2)
    assert set(table.columns[table.any()]) == {"hog_0_1_0_1_0", "hog_0_1_1_1_0"}


@pytest.mark.parametrize(
    ("parameters", "n_pixels", "message"),
    [
        ({}, 60, "rows of 60 pixels are no square image"),
        ({"image_shape": (8, 9)}, 64, r"image_shape=\(8, 9\) has 72 pixels, but the rows have 64"),
        ({}, 49, "images of 7x7 pixels are too small: these features need 8x8"),
        ({"image_shape": (7, 20)}, 140, "7x20 pixels are too small"),
        ({"image_shape": "padded"}, 64, "image_shape"),
        ({"cell_size": 0}, 64, "cell_size"),
        ({"orientations": 1.5}, 64, "orientations"),
    ],
)
def test_what_does_not_fit_is_refused(parameters, n_pixels, message) -> None:
    vectorizer = HogVectorizer(**parameters)
    for method in (vectorizer.fit, vectorizer.transform):
        with pytest.raises(ValueError, match=message):
            method(np.zeros((2, n_pixels)))


def test_rows_of_another_length_than_in_fit_are_refused() -> None:
    vectorizer = HogVectorizer(image_shape="pad").fit(np.zeros((2, 64)))
    with pytest.raises(ValueError, match="X has 81 features, but HogVectorizer is expecting 64"):
        vectorizer.transform(np.zeros((2, 81)))


def test_pickling() -> None:
    rows = draw((16, 16)).reshape(7, -1)
    vectorizer = HogVectorizer().fit(rows)
    copy = pickle.loads(pickle.dumps(vectorizer))
    np.testing.assert_array_equal(copy.transform(rows), vectorizer.transform(rows))


def test_from_files_to_classes(faces) -> None:
    classifier = make_pipeline(ImageVectorizer(size=32), HogVectorizer(), LogisticRegression())
    classifier.fit(faces.path, faces.label)
    assert classifier.score(faces.path, faces.label) > 0.9
