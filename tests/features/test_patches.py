"""Responses of filters that are patches of the images."""

import pickle
from unittest import mock

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcomic import ImageVectorizer, PatchVectorizer
from skcomic.features import patches as module


def draw(shape: tuple[int, int], n_images: int = 7) -> np.ndarray:
    """Rows of smooth noise, whose neighbouring pixels are alike."""
    height, width = shape
    noise = np.random.default_rng(0).random((n_images, height + 2, width + 2))
    windows = np.lib.stride_tricks.sliding_window_view(noise, (3, 3), axis=(1, 2))
    return windows.mean(axis=(-2, -1)).reshape(n_images, -1).astype(np.float32)


def normalised_patches(rows: np.ndarray, shape: tuple[int, int], side: int) -> np.ndarray:
    """All patches, shape (n_images, down, across, side ** 2), written down as in the paper."""
    windows = np.lib.stride_tricks.sliding_window_view(
        rows.reshape(-1, *shape).astype(np.float64), (side, side), axis=(1, 2)
    )
    patches = windows.reshape(*windows.shape[:3], -1)
    centred = patches - patches.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(patches.var(axis=-1, keepdims=True) + 0.01)


@pytest.mark.parametrize(("shape", "side", "grid"), [((16, 16), 6, 3), ((14, 17), 4, 2)])
def test_features_are_mean_responses_of_all_patches(shape, side, grid) -> None:
    rows = draw(shape)
    vectorizer = PatchVectorizer(
        n_filters=5, patch_size=side, grid=grid, image_shape=shape, random_state=0
    ).fit(rows)
    responses = normalised_patches(rows, shape, side) @ vectorizer.filters_.reshape(5, -1).T
    responses += vectorizer.offsets_
    expected = np.empty((len(rows), 5, 2, grid, grid))
    down, across = (np.arange(length) * grid // length for length in responses.shape[1:3])
    for row, column in np.ndindex(grid, grid):
        field = responses[:, down == row][:, :, across == column]
        expected[:, :, 0, row, column] = np.maximum(field, 0).mean(axis=(1, 2))
        expected[:, :, 1, row, column] = np.maximum(-field, 0).mean(axis=(1, 2))
    features = vectorizer.transform(rows)
    assert features.dtype == np.float32
    assert features.min() >= 0
    np.testing.assert_allclose(features, expected.reshape(len(rows), -1), atol=1e-5, rtol=1e-4)


def test_filters_take_the_correlation_of_neighbours_away() -> None:
    """The products of two filters with patches are about as alike as whitened filters are."""
    rows = draw((24, 24), 100)
    vectorizer = PatchVectorizer(n_filters=16, patch_size=3, random_state=0).fit(rows)
    patches = normalised_patches(rows, (24, 24), 3).reshape(-1, 9)
    covariance = np.cov(patches, rowvar=False)
    variances, components = np.linalg.eigh(covariance)
    whitening = (components / np.sqrt(variances + 0.01)) @ components.T
    filters = vectorizer.filters_.reshape(16, 9) @ np.linalg.inv(whitening)
    np.testing.assert_allclose(np.linalg.norm(filters, axis=1), 1, atol=0.02)
    responses = patches @ vectorizer.filters_.reshape(16, 9).T + vectorizer.offsets_
    assert np.abs(responses.mean(axis=0)).max() < 0.05
    # White data give every direction the same variance, but for that of brightness.
    assert responses.std(axis=0).max() / responses.std(axis=0).min() < 1.2
    raw = patches @ patches[:: len(patches) // 16].T
    assert raw.std(axis=0).max() / raw.std(axis=0).min() > 1.5


def test_seeds() -> None:
    rows = draw((16, 16))

    def features(seed) -> np.ndarray:
        return PatchVectorizer(n_filters=4, random_state=seed).fit_transform(rows)

    np.testing.assert_array_equal(features(0), features(0))
    np.testing.assert_array_equal(features(0), features(np.random.RandomState(0)))
    assert (features(0) != features(1)).any()
    assert (features(None) != features(None)).any()


@pytest.mark.parametrize("n_at_once", [1, 2, 3, 7, 100])
def test_images_do_not_depend_on_those_beside_them(n_at_once) -> None:
    rows = draw((16, 16))
    vectorizer = PatchVectorizer(n_filters=4, random_state=0).fit(rows)
    alone = np.vstack([vectorizer.transform(row[None]) for row in rows])
    with mock.patch.object(module, "_PIXELS_AT_ONCE", n_at_once * 256):
        np.testing.assert_allclose(vectorizer.transform(rows), alone, atol=1e-6)
        np.testing.assert_allclose(vectorizer.transform(rows[::-1]), alone[::-1], atol=1e-6)


def test_transform_keeps_what_fit_has_learnt() -> None:
    rows = draw((16, 16))
    vectorizer = PatchVectorizer(n_filters=4, random_state=0).fit(rows)
    before = vectorizer.transform(rows)
    vectorizer.transform(rows[:2] / 3)
    np.testing.assert_array_equal(vectorizer.transform(rows), before)
    np.testing.assert_array_equal(rows, draw((16, 16)))


@pytest.mark.parametrize("level", [0, 0.3, 1])
def test_images_that_are_the_same_everywhere_have_finite_features(level) -> None:
    rows = draw((16, 16))
    constant = np.full((2, 256), level, dtype=np.float32)
    vectorizer = PatchVectorizer(n_filters=4, random_state=0)
    assert np.isfinite(vectorizer.fit(rows).transform(constant)).all()
    assert np.isfinite(vectorizer.fit(constant).transform(rows)).all()
    assert np.isfinite(vectorizer.fit(constant).transform(constant)).all()


def test_brightness_does_not_count() -> None:
    rows = draw((16, 16))
    vectorizer = PatchVectorizer(n_filters=4, random_state=0).fit(rows)
    np.testing.assert_allclose(
        vectorizer.transform(rows + 0.2), vectorizer.transform(rows), atol=1e-5
    )


def test_padded_rows_have_zeros_after_them() -> None:
    rows = draw((9, 10))
    padded = np.pad(rows, ((0, 0), (0, 10)))
    settings = {"n_filters": 4, "random_state": 0}
    np.testing.assert_array_equal(
        PatchVectorizer(image_shape="pad", **settings).fit_transform(rows),
        PatchVectorizer(**settings).fit_transform(padded),
    )


def test_more_filters_than_patches_that_whitening_is_learnt_from() -> None:
    with mock.patch.object(module, "N_PATCHES", 10):
        vectorizer = PatchVectorizer(n_filters=12, random_state=0).fit(draw((16, 16)))
    assert vectorizer.filters_.shape == (12, 6, 6)


def test_features_have_names() -> None:
    vectorizer = PatchVectorizer(n_filters=2, grid=2, random_state=0)
    table = vectorizer.set_output(transform="pandas").fit_transform(draw((16, 16)))
    assert list(table) == [
        f"patch_{number}_{part}_{row}_{column}"
        for number in (0, 1)
        for part in ("positive", "negative")
        for row in (0, 1)
        for column in (0, 1)
    ]


@pytest.mark.parametrize(
    ("parameters", "n_pixels", "message"),
    [
        ({}, 60, "rows of 60 pixels are no square image"),
        ({"image_shape": (8, 9)}, 64, r"image_shape=\(8, 9\) has 72 pixels, but the rows have 64"),
        ({}, 49, "images of 7x7 pixels are too small: these features need 8x8"),
        ({"patch_size": 1}, 64, "patch_size"),
        ({"n_filters": 0}, 64, "n_filters"),
        ({"grid": 0}, 64, "grid"),
        ({"random_state": "seed"}, 64, "random_state"),
    ],
)
def test_what_does_not_fit_is_refused(parameters, n_pixels, message) -> None:
    with pytest.raises(ValueError, match=message):
        PatchVectorizer(**parameters).fit(np.zeros((2, n_pixels)))


def test_rows_of_another_length_than_in_fit_are_refused() -> None:
    vectorizer = PatchVectorizer(image_shape="pad", n_filters=2).fit(draw((8, 8)))
    with pytest.raises(ValueError, match="X has 81 features, but PatchVectorizer is expecting 64"):
        vectorizer.transform(draw((9, 9)))


def test_fit_comes_first() -> None:
    for method in (PatchVectorizer().transform, PatchVectorizer().get_feature_names_out):
        with pytest.raises(NotFittedError):
            method(draw((16, 16)))


def test_pickling() -> None:
    rows = draw((16, 16))
    vectorizer = PatchVectorizer(n_filters=4).fit(rows)
    copy = pickle.loads(pickle.dumps(vectorizer))
    np.testing.assert_array_equal(copy.transform(rows), vectorizer.transform(rows))


def test_directions_are_told_apart(stripes) -> None:
    rows, labels = stripes
    classifier = make_pipeline(
        PatchVectorizer(n_filters=8, patch_size=3, random_state=0),
        StandardScaler(),
        LogisticRegression(),
    )
    assert classifier.fit(rows[::2], labels[::2]).score(rows[1::2], labels[1::2]) == 1


def test_from_files_to_classes(faces) -> None:
    classifier = make_pipeline(
        ImageVectorizer(size=32), PatchVectorizer(random_state=0), StandardScaler(),
        LogisticRegression(),
    )  # fmt: skip
    half = faces.pair.isin(faces.pair.unique()[::2])
    classifier.fit(faces.path[half], faces.label[half])
    assert classifier.score(faces.path[~half], faces.label[~half]) > 0.9
