"""Rows of pixels -> images, a few at a time."""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

ImageShape = tuple[int, int] | Literal["pad"] | None


def find_image_shape(
    n_pixels: int, image_shape: ImageShape, smallest_side: int
) -> tuple[int, int]:
    """Return the height and width of the images that rows become.

    Parameters
    ----------
    n_pixels : int
        Length of a row.
    image_shape : (int, int), "pad" or None
        Height and width in pixels. None: the rows are square images. "pad": a row may have any
        length; zeros are put after it up to the next square.
    smallest_side : int
        Padded rows become images of at least this side.

    Returns
    -------
    height, width : int
        In pixels.

    Raises
    ------
    ValueError
        If a row does not make up such an image.

    Examples
    --------
    >>> find_image_shape(64, None, 4), find_image_shape(50, "pad", 4)
    ((8, 8), (8, 8))
    """
    if image_shape == "pad":
        side = max(math.ceil(math.sqrt(n_pixels)), smallest_side)
        return side, side
    if image_shape is None:
        side = math.isqrt(n_pixels)
        if side * side != n_pixels:
            raise ValueError(
                f"rows of {n_pixels} pixels are no square image; give image_shape=(height, "
                'width), or "pad" if they are no images'
            )
        return side, side
    height, width = int(image_shape[0]), int(image_shape[1])
    if height * width != n_pixels:
        raise ValueError(
            f"image_shape={height, width} has {height * width} pixels, but the rows have "
            f"{n_pixels}; give it the size that the images were resized to"
        )
    return height, width


def check_image_side(shape: tuple[int, int], smallest_side: int) -> None:
    """Refuse images that are too small.

    Parameters
    ----------
    shape : (int, int)
        Height and width, in pixels.
    smallest_side : int
        No side may be smaller.

    Raises
    ------
    ValueError
        If one is.
    """
    if min(shape) < smallest_side:
        raise ValueError(
            f"images of {shape[0]}x{shape[1]} pixels are too small: these features need "
            f"{smallest_side}x{smallest_side} or more"
        )


def map_images(
    function: Callable[[np.ndarray], np.ndarray],
    rows: np.ndarray,
    shape: tuple[int, int],
    n_features: int,
    n_pixels_at_once: int,
) -> np.ndarray:
    """Compute the features of all images, a few images at a time.

    Parameters
    ----------
    function : callable
        Takes images, ndarray of shape (n, height, width); returns an ndarray of n rows of
        features, of any shape.
    rows : ndarray of shape (n_images, n_pixels), float32
        Grey levels. Zeros are put after rows that are shorter than an image.
    shape : (int, int)
        Height and width of the images.
    n_features : int
        Of one image.
    n_pixels_at_once : int
        About the number of pixels that `function` gets: what it needs beside its result then
        does not grow with the number of images.

    Returns
    -------
    features : ndarray of shape (n_images, n_features), float32
        In the order of the rows.
    """
    height, width = shape
    features = np.empty((len(rows), n_features), dtype=np.float32)
    step = max(1, n_pixels_at_once // (height * width))
    n_missing = height * width - rows.shape[1]
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        if n_missing:
            some = np.pad(some, ((0, 0), (0, n_missing)))
        images = some.reshape(-1, height, width)
        features[start : start + step] = function(images).reshape(len(images), n_features)
    return features


def check_input_features(input_features: Any, estimator: Any) -> None:
    """Refuse names that are not those of the pixels, as scikit-learn's transformers do.

    Parameters
    ----------
    input_features : array-like of str or None
        Names of the pixels. None: nothing is checked.
    estimator : estimator
        Fitted.

    Raises
    ------
    ValueError
        If it has been fitted on rows of another length, or on a DataFrame of other names.
    """
    if input_features is None:
        return
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None and not np.array_equal(names, input_features):
        raise ValueError("input_features is not equal to feature_names_in_")
    if len(input_features) != estimator.n_features_in_:
        raise ValueError(
            "input_features should have length equal to number of features "
            f"({estimator.n_features_in_}), got {len(input_features)}"
        )
