"""Rows of pixels -> histograms of oriented gradients."""

import math
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from skcomic._compat.sklearn import (
    Interval,
    StrOptions,
    fit_context,
    fit_task,
    validate_parameters,
    with_callbacks,
)
from skcomic._estimator import EstimatorMixin, Sides
from skcomic.features.gradients import count_blocks, describe_gradients
from skcomic.features.rows import (
    ImageShape,
    check_image_side,
    check_input_features,
    find_image_shape,
    map_images,
)

# What is computed from them stays in the processor's cache.
_PIXELS_AT_ONCE = 2**14


class HogVectorizer(EstimatorMixin, TransformerMixin, BaseEstimator):
    """Turn rows of grey pixels into histograms of oriented gradients (HOG).

    An image is divided into square cells. Each cell has a histogram of the directions of its
    pixels' gradients, in which a pixel counts by the length of its gradient. Square blocks of
    cells, which overlap, are then normalised: to length 1, limited to 0.2, to length 1 again
    ("L2-Hys"). What is left says where edges run, and little of brightness and contrast.

    The transformer is stateless: `transform` works without `fit`, and the features of an image
    do not depend on other images.

    Parameters
    ----------
    orientations : int, default=9
        Number of directions, from 0 to 180 degrees; opposite gradients have the same one.
    cell_size : int, default=4
        Side of a cell, in pixels. Pixels at the right and at the bottom that fill no cell
        only count for the gradients of their neighbours.
    block_size : int, default=2
        Side of a block, in cells. Blocks begin at each cell that leaves room for one.
    image_shape : (int, int), "pad" or None, default=None
        Height and width of the images in the rows. None: they are square. "pad": a row may
        have any length; zeros are put after it up to the next square that is large enough.

    Attributes
    ----------
    n_features_in_ : int
        Pixels per row.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where the rows were a DataFrame with such.

    See Also
    --------
    ImageVectorizer : Makes the rows from image files.
    PatchVectorizer : Features that are learnt from the images.

    Notes
    -----
    The method is that of Dalal and Triggs [1]_ without their weighting of pixels by their
    distance from the centre of a block and from neighbouring directions and cells: the features
    are those of ``skimage.feature.hog(image, orientations, (cell_size, cell_size), (block_size,
    block_size), block_norm="L2-Hys")`` for each image. Gradients are differences of the two
    neighbours of a pixel, and zero at the border of the image.

    References
    ----------
    .. [1] N. Dalal and B. Triggs, "Histograms of Oriented Gradients for Human Detection", IEEE
       Conference on Computer Vision and Pattern Recognition, 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from skcomic import HogVectorizer
    >>> across, down = np.zeros((8, 8)), np.zeros((8, 8))
    >>> across[4:], down[:, 4:] = 1, 1  # the edge runs across, and down
    >>> features = HogVectorizer(orientations=2).fit_transform([across.ravel(), down.ravel()])
    >>> features.shape
    (2, 8)
    >>> features.round(1)
    array([[0. , 0.5, 0. , 0.5, 0. , 0.5, 0. , 0.5],
           [0.5, 0. , 0.5, 0. , 0.5, 0. , 0.5, 0. ]], dtype=float32)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "orientations": [Interval(Integral, 1, None, closed="left")],
        "cell_size": [Interval(Integral, 1, None, closed="left")],
        "block_size": [Interval(Integral, 1, None, closed="left")],
        "image_shape": [Sides(), StrOptions({"pad"}), None],
    }

    def __init__(
        self,
        *,
        orientations: int = 9,
        cell_size: int = 4,
        block_size: int = 2,
        image_shape: ImageShape = None,
    ) -> None:
        self.orientations = orientations
        self.cell_size = cell_size
        self.block_size = block_size
        self.image_shape = image_shape

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "HogVectorizer":
        """Check the parameters and the length of the rows; nothing else is learnt.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of grey levels.
        y : None
            Ignored.

        Returns
        -------
        self : HogVectorizer
            The transformer itself.

        Raises
        ------
        ValueError
            If a row does not make up an image, or if the image is smaller than a block.
        """
        with fit_task(self, X, y, n_subtasks=0):
            X = validate_data(self, X, dtype=np.float32)
            self._find_image_shape(X.shape[1])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Compute the histograms of each image.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of grey levels, of any unit; `ImageVectorizer` makes them in [0, 1].

        Returns
        -------
        features : ndarray of shape (n_images, n_features), float32
            In [0, 1], block by block from the top left, in each block cell by cell, in each
            cell direction by direction; `get_feature_names_out` names them. An image without
            gradients has zeros.

        Raises
        ------
        ValueError
            If a row does not make up an image, if the image is smaller than a block, or if the
            rows are of another length than in `fit`.
        """
        validate_parameters(self)
        X = validate_data(self, X, reset=False, dtype=np.float32)
        shape = self._find_image_shape(X.shape[1])
        describe = partial(
            describe_gradients,
            orientations=self.orientations,
            cell_size=self.cell_size,
            block_size=self.block_size,
        )
        n_features = math.prod(self._output_shape(shape))
        return map_images(describe, X, shape, n_features, _PIXELS_AT_ONCE)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the features.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the pixels, which are checked and not used.

        Returns
        -------
        names : ndarray of shape (n_features,), object
            ``hog_{row}_{column}_{cell_row}_{cell_column}_{direction}``: the first cell of the
            block in the image, the cell in the block, and the number of the direction.
        """
        check_is_fitted(self, "n_features_in_")
        check_input_features(input_features, self)
        shape = self._find_image_shape(self.n_features_in_)
        places = np.ndindex(*self._output_shape(shape))
        return np.array([f"hog_{'_'.join(map(str, place))}" for place in places], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _find_image_shape(self, n_pixels: int) -> tuple[int, int]:
        smallest = self.cell_size * self.block_size
        shape = find_image_shape(n_pixels, self.image_shape, smallest)
        check_image_side(shape, smallest)
        return shape

    def _output_shape(self, shape: tuple[int, int]) -> tuple[int, ...]:
        down, across = count_blocks(shape, self.cell_size, self.block_size)
        return down, across, self.block_size, self.block_size, self.orientations
