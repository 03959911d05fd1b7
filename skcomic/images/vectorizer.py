"""Paths of images -> rows of pixels, by a stateless transformer like ``HashingVectorizer``."""

import os
import warnings
from collections.abc import Iterable
from numbers import Integral
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from skcomic._compat.joblib import follow_working_directory
from skcomic._compat.sklearn import (
    Interval,
    StrOptions,
    fit_context,
    fit_task,
    validate_parameters,
    visual_block,
    with_callbacks,
)
from skcomic._estimator import EstimatorMixin, Sides
from skcomic.images.decoding import (
    MAX_PIXELS,
    RESAMPLING,
    ImageReadError,
    PathLike,
    Rendering,
    Resample,
)
from skcomic.images.grey import Background
from skcomic.images.loading import WHITE, height_and_width, rasters_to_rows, try_rasters


class ImageVectorizer(EstimatorMixin, TransformerMixin, BaseEstimator):
    """Turn paths of image files into rows of grey pixels.

    Files may be in stores that fsspec reads, named by URLs such as ``s3://bucket/faces/1.jpg``.
    Each image is decoded, converted to grey, resized, divided by 255 and flattened, row by row
    from the top left. `read_raster` describes how files are decoded.

    The transformer is stateless, as `sklearn.feature_extraction.text.HashingVectorizer` is:
    `transform` works without `fit`, and the row of an image does not depend on other images.

    Parameters
    ----------
    size : int or (int, int), default=64
        Height and width that every image is resized to, in pixels; an int is used for both.
    resample : {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}, default="box"
        The filter that resizes; "box" is the mean of the pixels covered.
    n_jobs : int or None, default=None
        Number of threads that decode; None is 1 unless in a `joblib.parallel_config`
        context, -1 is all cores.
    cache : str, path-like or None, default=None
        A folder that stores the decoded images, so that each is decoded once per size for all
        fits, folds and processes. A changed file is decoded again; one whose store tells
        neither an ETag nor the time of its last change, each time. It takes 3.3 kB
        per image of 32x32 pixels and 8.3 kB per image of 64x64, and at most 8 GiB (see ``skcomic
        cache info``). If the folder cannot be used, a warning is issued.
    on_error : {"raise", "nan"}, default="raise"
        What to do if files cannot be read: raise one error that lists all of them, or return a
        row of NaN for each, with one warning that has their number, for a stream that must not
        stop. Classifiers refuse such rows; remove them first.
    max_pixels : int, default=178_956_970
        Images of more pixels are refused before any of them is decoded: a file of a few hundred
        bytes can claim to be of any size. `read_raster` lists what else is refused.
    background : {"white", "black", "auto"} or int, default="white"
        What transparent pixels show: a grey level from 0 (black) to 255. "auto" is black for an
        image whose visible pixels are light (of level 128 or more on average), and white for
        others: white drawings on a clear ground are blank sheets on white.

    See Also
    --------
    skcomic.ConvNetClassifier : A classifier of such rows.

    Notes
    -----
    Grey levels are divided by 255, the level of white, so that 1.0 is white. Memory for the
    rows is ``n_images * height * width * 4`` bytes; full-size images are not kept.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic import ImageVectorizer
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     faces = make_comic_faces(3, size=64, out_dir=folder, random_state=0)
    ...     rows = ImageVectorizer(size=(16, 8)).transform(faces.paths)
    >>> rows.shape, rows.dtype
    ((6, 128), dtype('float32'))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "size": [Interval(Integral, 1, None, closed="left"), Sides()],
        "resample": [StrOptions(set(RESAMPLING))],
        "n_jobs": [Integral, None],
        "cache": [str, os.PathLike, None],
        "on_error": [StrOptions({"raise", "nan"})],
        "max_pixels": [Interval(Integral, 1, None, closed="left")],
        "background": [
            StrOptions({"white", "black", "auto"}),
            Interval(Integral, 0, WHITE, closed="both"),
        ],
    }

    def __init__(
        self,
        size: int | tuple[int, int] = 64,
        *,
        resample: Resample = "box",
        n_jobs: int | None = None,
        cache: PathLike | None = None,
        on_error: Literal["raise", "nan"] = "raise",
        max_pixels: int = MAX_PIXELS,
        background: Background = "white",
    ) -> None:
        self.size = size
        self.resample = resample
        self.n_jobs = n_jobs
        self.cache = cache
        self.on_error = on_error
        self.max_pixels = max_pixels
        self.background = background

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "ImageVectorizer":
        """Check the parameters and the type of the input; nothing is learnt.

        Parameters
        ----------
        X : array-like of shape (n_images,) or one-column DataFrame
            Paths of image files, which are not opened.
        y : None
            Ignored.

        Returns
        -------
        self : ImageVectorizer
            The transformer itself.
        """
        with fit_task(self, X, y, n_subtasks=0):
            list_paths(X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Decode the images.

        Parameters
        ----------
        X : array-like of shape (n_images,) or (n_images, 1)
            Paths of image files, or of rows of a store that `rasterize` wrote: a list, array,
            Series or one-column DataFrame.

        Returns
        -------
        rows : ndarray of shape (n_images, height * width), float32
            Grey levels in [0, 1], in the order of `X` for any `n_jobs`; with
            ``on_error="nan"``, NaN for each file that cannot be read.

        Raises
        ------
        ImageReadError
            If files cannot be read and `on_error` is "raise". All files are read first; the
            error lists each bad one with the reason.
        """
        validate_parameters(self)
        follow_working_directory()
        height, width = height_and_width(self.size)
        paths = list_paths(X)
        (rasters,), failures = try_rasters(
            paths,
            [(height, width)],
            Rendering(self.resample, self.max_pixels, self.background),
            n_jobs=self.n_jobs,
            cache=self.cache,
        )
        if failures and self.on_error == "raise":
            raise ImageReadError(list(failures.values()), len(paths))
        rows = rasters_to_rows(rasters)
        if failures:
            rows[list(failures)] = np.nan
            warnings.warn(
                f"{len(failures)} of {len(paths)} images cannot be read; their rows are NaN. "
                f"The first is {next(iter(failures.values()))}",
                stacklevel=3,  # skips scikit-learn's wrapper of transform
            )
        return rows

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ARG002
        """Name the pixels.

        Parameters
        ----------
        input_features : None
            Not used, present for API consistency by convention.

        Returns
        -------
        names : ndarray of shape (height * width,), object
            ``pixel_{row}_{column}``, counted from the top left.
        """
        validate_parameters(self)
        height, width = height_and_width(self.size)
        names = [f"pixel_{row}_{column}" for row in range(height) for column in range(width)]
        return np.array(names, dtype=object)

    def _sk_visual_block_(self) -> Any:
        height, width = height_and_width(self.size)
        return visual_block(self, f"{type(self).__name__} {height}x{width}")

    def __sklearn_is_fitted__(self) -> bool:
        return True  # stateless: scikit-learn's set_output asks before naming columns

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags


def list_paths(X: Any) -> list[PathLike]:
    """Return the paths in any container of one column of paths, or in a catalogue.

    Parameters
    ----------
    X : list, ndarray, Series or DataFrame
        A DataFrame has one column, or a column `path`.

    Returns
    -------
    paths : list of str or path-like
        In the order of the rows.

    Raises
    ------
    TypeError, ValueError
        If `X` is anything else.
    """
    if "path" in getattr(X, "columns", ()):
        X = X["path"]
    if isinstance(X, str | bytes | os.PathLike) or not isinstance(X, Iterable):
        raise ValueError(
            f"X must be a catalogue, or a list, array, Series or one-column DataFrame of paths, "
            f"not {X!r}; "
            "put a single path into a list"
        )
    column = np.asarray(X, dtype=object)
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if column.ndim != 1:
        raise ValueError(
            f"X must hold one path per image, in one column; it has shape {column.shape}"
        )
    for row, path in enumerate(column):
        if not isinstance(path, str | os.PathLike):
            raise ValueError(f"row {row} of X is not a path but {path!r} of {type(path).__name__}")
    return column.tolist()
