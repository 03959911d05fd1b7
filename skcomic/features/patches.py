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
from skcomic.features.responses import field_weights, mean_responses, normalise_patches
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
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
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
            normalise_patches(patches)
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
            mean_responses,
            filters=self.filters_,
            offsets=self.offsets_,
            fields=field_weights(down, across, self.grid),
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
