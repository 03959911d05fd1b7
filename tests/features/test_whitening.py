import numpy as np
import pytest

from skcomic.features.whitening import draw_patches, whitening_filters

SHAPE = 20, 14


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Rows of images whose neighbouring pixels are alike; higher than wide."""
    images = np.random.default_rng(0).random((60, *SHAPE)).cumsum(axis=1).cumsum(axis=2) / 100
    return images.reshape(60, -1)


@pytest.mark.parametrize("patch_size", [1, 2, 3, 5])
def test_responses_are_uncorrelated_and_of_variance_one(rows: np.ndarray, patch_size) -> None:
    filters, offsets = whitening_filters(rows, SHAPE, patch_size, np.random.default_rng(0))
    n_filters = patch_size**2
    assert filters.shape == (patch_size, patch_size, n_filters)
    assert filters.dtype == offsets.dtype == np.float32
    patches = draw_patches(rows, SHAPE, patch_size, 20_000, np.random.default_rng(1)).T
    responses = patches @ filters.reshape(n_filters, n_filters) + offsets
    covariance = np.atleast_2d(np.cov(responses, rowvar=False))
    assert responses.mean(axis=0) == pytest.approx(0, abs=0.1)
    assert covariance - np.diag(np.diag(covariance)) == pytest.approx(0, abs=0.05)
    assert covariance[0, 0] == pytest.approx(1, abs=0.05)
    # Of components that hardly vary the regularisation keeps the noise small.
    assert np.diag(covariance).max() < 1.05
    raw = np.corrcoef(patches, rowvar=False)
    assert patch_size == 1 or raw[0, 1] > 0.9


def test_the_same_seed_gives_the_same_filters(rows: np.ndarray) -> None:
    one, other, third = (
        whitening_filters(rows, SHAPE, 3, np.random.default_rng(seed))[0] for seed in (0, 0, 1)
    )
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


def test_images_without_contrast_give_finite_filters() -> None:
    filters, offsets = whitening_filters(
        np.full((4, 64), 0.5), (8, 8), 3, np.random.default_rng(0)
    )
    assert np.isfinite(filters).all()
    assert np.isfinite(offsets).all()


def test_patches_are_of_one_image_each() -> None:
    images = np.arange(3 * 5 * 4).reshape(3, 5, 4)
    patches = draw_patches(images.reshape(3, 20), (5, 4), 2, 500, np.random.default_rng(0)).T
    known = {
        tuple(image[top : top + 2, left : left + 2].ravel())
        for image in images
        for top in range(4)
        for left in range(3)
    }
    assert set(map(tuple, patches)) == known
