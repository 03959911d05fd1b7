"""Rows of pixels -> responses of filters that are patches of the training images."""

from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skcomic._compat.sklearn import Interval, StrOptions, fit_context, fit_task, with_callbacks
from skcomic._estimator import EstimatorMixin, Sides
from skcomic.features.rows import (
    ImageShape,
    check_image_side,
    check_input_features,
    find_image_shape,
    map_images,
)
from skcomic.features.whitening import N_PATCHES, draw_patches

# What is computed from them stays in the processor's cache.
_PIXELS_AT_ONCE = 2**13
# Added to the variance of a patch of levels in [0, 1], so that one that is the same everywhere but
# for noise does not get the contrast of the others. Coates, Lee and Ng add 0.00015 (10 for levels
# up to 255), with which 180 real pairs of 32x32 pixels are told apart less well.
_CONTRAST_EPSILON = np.float32(0.01)
# Added to the variances of the principal components of normalised patches; theirs is 0.1.
_WHITENING_EPSILON = 0.01


class PatchVectorizer(EstimatorMixin, TransformerMixin, BaseEstimator):
    """Turn rows of grey pixels into responses of filters drawn from the training images.

    `fit` draws small square patches of the training images at random, normalises the brightness
    and contrast of each, and learns what whitens them, so that neighbouring pixels are no longer
    correlated. Some whitened patches are the filters. `transform` normalises and whitens all
    patches of an image and takes their products with each filter. The positive and the negative
    parts of these are averaged in each field of a grid over the image.

    No labels are used. The features are made for linear classifiers; scale them first (with
    `sklearn.preprocessing.StandardScaler`).

    Parameters
    ----------
    n_filters : int, default=64
        Number of filters. There are ``2 * n_filters * grid ** 2`` features.
    patch_size : int, default=6
        Side of a patch, in pixels.
    grid : int, default=3
        The image is divided into ``grid * grid`` fields.
    image_shape : (int, int), "pad" or None, default=None
        Height and width of the images in the rows. None: they are square. "pad": a row may
        have any length; zeros are put after it up to the next square that is large enough.
    random_state : int, RandomState or None, default=None
        Decides which patches are drawn. With the same int, the features of the same images come
        out bit-equal.

    Attributes
    ----------
    filters_ : ndarray of shape (n_filters, patch_size, patch_size), float32
        What normalised patches are multiplied with: the filters after the whitening.
    offsets_ : ndarray of shape (n_filters,), float32
        To be added to the products: the mean of the patches is subtracted before whitening.
    n_features_in_ : int
        Pixels per row.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where the rows were a DataFrame with such.

    See Also
    --------
    ImageVectorizer : Makes the rows from image files.
    HogVectorizer : Features that need no training images.

    Notes
    -----
    The method is that of Coates, Lee and Ng [1]_ with filters that are drawn and not learnt,
    which is about as good [2]_. Whitening is by the components of zero phase (ZCA). With
    20,000 patches of side ``p``, `fit` needs ``160,000 * p ** 2`` bytes.

    References
    ----------
    .. [1] A. Coates, H. Lee and A. Y. Ng, "An Analysis of Single-Layer Networks in Unsupervised
       Feature Learning", International Conference on Artificial Intelligence and Statistics,
       2011.
    .. [2] A. Coates and A. Y. Ng, "The Importance of Encoding Versus Training with Sparse Coding
       and Vector Quantization", International Conference on Machine Learning, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skcomic import PatchVectorizer
    >>> rows = np.random.default_rng(0).random((10, 16 * 16), dtype=np.float32)
    >>> vectorizer = PatchVectorizer(n_filters=8, grid=2, random_state=0)
    >>> features = vectorizer.fit_transform(rows)
    >>> features.shape, features.dtype
    ((10, 64), dtype('float32'))
    >>> vectorizer.get_feature_names_out()[[0, -1]].tolist()
    ['patch_0_positive_0_0', 'patch_7_negative_1_1']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "patch_size": [Interval(Integral, 2, None, closed="left")],  # one pixel has no contrast
        "grid": [Interval(Integral, 1, None, closed="left")],
        "image_shape": [Sides(), StrOptions({"pad"}), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        n_filters: int = 64,
        patch_size: int = 6,
        grid: int = 3,
        image_shape: ImageShape = None,
        random_state: Any = None,
    ) -> None:
        self.n_filters = n_filters
        self.patch_size = patch_size
        self.grid = grid
        self.image_shape = image_shape
        self.random_state = random_state

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "PatchVectorizer":
        """Draw the filters, and learn the whitening.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of grey levels in [0, 1].
        y : None
            Ignored.

        Returns
        -------
        self : PatchVectorizer
            The fitted transformer.

        Raises
        ------
        ValueError
            If a row does not make up an image, or if the image has fewer patches than the grid
            has fields, down or across.
        """
        with fit_task(self, X, y, n_subtasks=0):
            X = validate_data(self, X, dtype=np.float32)
            height, width = self._find_image_shape(X.shape[1])
            seed = check_random_state(self.random_state).randint(2**31, dtype=np.int64)
            random = np.random.default_rng(seed)
            n_patches = max(N_PATCHES, self.n_filters)
            patches = draw_patches(X, (height, width), self.patch_size, n_patches, random)
            _normalise(patches)
            filters, self.offsets_ = _make_filters(patches.T, self.n_filters, random)
            self.filters_ = filters.reshape(-1, self.patch_size, self.patch_size)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Compute the mean responses of the filters for each image.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of grey levels in [0, 1].

        Returns
        -------
        features : ndarray of shape (n_images, 2 * n_filters * grid ** 2), float32
            Means of the positive and then of the negative parts, none below 0, of each filter,
            field by field from the top left; `get_feature_names_out` names them.

        Raises
        ------
        NotFittedError
            If `fit` has not been called.
        ValueError
            If the rows are of another length than in `fit`.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float32)
        shape = self._find_image_shape(X.shape[1])
        down, across = (side - self.patch_size + 1 for side in shape)
        describe = partial(
            _mean_responses,
            filters=self.filters_,
            offsets=self.offsets_,
            fields=_field_weights(down, across, self.grid),
        )
        n_features = 2 * self.n_filters * self.grid**2
        return map_images(describe, X, shape, n_features, _PIXELS_AT_ONCE)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the features.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the pixels, which are checked and not used.

        Returns
        -------
        names : ndarray of shape (2 * n_filters * grid ** 2,), object
            ``patch_{filter}_{positive or negative}_{row}_{column}``: the number of the filter,
            the part of its responses, and the field of the grid.
        """
        check_is_fitted(self)
        check_input_features(input_features, self)
        names = [
            f"patch_{number}_{part}_{row}_{column}"
            for number in range(self.n_filters)
            for part in ("positive", "negative")
            for row, column in np.ndindex(self.grid, self.grid)
        ]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _find_image_shape(self, n_pixels: int) -> tuple[int, int]:
        smallest = self.patch_size + self.grid - 1
        shape = find_image_shape(n_pixels, self.image_shape, smallest)
        check_image_side(shape, smallest)
        return shape


def _mean_responses(
    images: np.ndarray, filters: np.ndarray, offsets: np.ndarray, fields: np.ndarray
) -> np.ndarray:
    """Return features of shape (n_images, n_filters, 2, n_fields)."""
    n_images, n_filters, n_positions = len(images), len(filters), len(fields)
    patches = _all_patches(images, filters.shape[1])
    _normalise(patches[:-1])
    weights = np.column_stack([filters.reshape(n_filters, -1), offsets])
    # The mean response is the response to the mean patch.
    mean_patches = patches.reshape(-1, n_positions) @ fields
    means = weights @ mean_patches.reshape(len(patches), -1)
    responses = weights @ patches
    np.maximum(responses, 0, out=responses)
    positive = (responses.reshape(-1, n_positions) @ fields).reshape(means.shape)
    # A response is its positive less its negative part; rounding must not go below 0.
    negative = np.maximum(positive - means, 0)
    features = np.stack([positive, negative], axis=1)
    return features.reshape(n_filters, 2, n_images, -1).transpose(2, 0, 1, 3)


def _all_patches(images: np.ndarray, patch_size: int) -> np.ndarray:
    """Return all patches: shape (patch_size ** 2 + 1, n_patches), image by image, float32.

    Pixels come first, so that each of them is copied in long runs. After them comes a 1, which
    is what the offset of a filter is multiplied with.
    """
    n_images, height, width = images.shape
    down, across = height - patch_size + 1, width - patch_size + 1
    patches = np.empty((patch_size**2 + 1, n_images, down, across), dtype=np.float32)
    for pixel, (row, column) in enumerate(np.ndindex(patch_size, patch_size)):
        patches[pixel] = images[:, row : row + down, column : column + across]
    patches[-1] = 1
    return patches.reshape(len(patches), -1)


def _normalise(patches: np.ndarray) -> None:
    """Give patches, shape (n_pixels, n_patches), a mean of 0 and a variance near 1, in place."""
    patches -= patches.mean(axis=0)
    variances = np.einsum("ij,ij->j", patches, patches) / len(patches)
    patches /= np.sqrt(variances + _CONTRAST_EPSILON)


def _make_filters(
    patches: np.ndarray, n_filters: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw filters among normalised patches of shape (n_patches, n_pixels).

    The response of a filter f to a patch p is ``f @ W @ (p - mean)`` with the symmetric matrix W
    that whitens: W is multiplied into the filters once and for all.
    """
    mean = patches.mean(axis=0)
    variances, components = np.linalg.eigh(np.cov(patches, rowvar=False))
    scales = 1 / np.sqrt(np.maximum(variances, 0) + _WHITENING_EPSILON)
    whitening = (components * scales) @ components.T
    drawn = random.choice(len(patches), n_filters, replace=False)
    filters = (patches[drawn] - mean) @ whitening
    # A filter of zeros, from images that are the same everywhere, stays one.
    filters /= np.maximum(np.linalg.norm(filters, axis=1, keepdims=True), np.finfo(float).eps)
    filters = filters @ whitening
    return filters.astype(np.float32), (-filters @ mean).astype(np.float32)


def _field_weights(down: int, across: int, grid: int) -> np.ndarray:
    """Return the weights of positions in the mean of each field: (down * across, grid ** 2)."""
    row, column = (_shares(length, grid) for length in (down, across))
    return np.einsum("ik,jl->ijkl", row, column).reshape(down * across, grid**2)


def _shares(length: int, grid: int) -> np.ndarray:
    fields = np.arange(length) * grid // length
    is_in_field = (fields[:, None] == np.arange(grid)).astype(np.float32)
    return is_in_field / is_in_field.sum(axis=0)
