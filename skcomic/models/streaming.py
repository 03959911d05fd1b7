"""Image files -> labels and probabilities, one batch at a time, with the memory of one batch.

Nothing here needs TensorFlow, scikit-learn or pandas.
"""

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from skcomic.evidence.probabilities import UNSURE
from skcomic.images.decoding import EXTENSIONS, PathLike, Rendering
from skcomic.images.listing import make_scan, walk_images
from skcomic.images.loading import rasters_to_rows, try_rasters
from skcomic.images.raster_store import find_store
from skcomic.images.remote_folders import is_folder
from skcomic.images.urls import file_path, is_url
from skcomic.models.plan import Plan
from skcomic.models.runtime import choose_runner


class Prediction(NamedTuple):
    """The prediction of a model for one image file.

    Parameters
    ----------
    path : str
        The file.
    label : object
        The predicted class, of the type of the labels in training; None if the file cannot be
        read.
    probabilities : ndarray of shape (n_classes,) or None
        In the order of the model's `classes_`; None if the file cannot be read.
    error : str
        Why the file cannot be read; empty if it can.

    Examples
    --------
    >>> Prediction("face.jpg", None, None, "no such file").error
    'no such file'
    """

    path: str
    label: Any
    probabilities: np.ndarray | None
    error: str


#: Why a model cannot be given image files.
TAKES_ROWS = (
    "the model takes rows of pixels, not image files: it has no fitted pipeline with an "
    "ImageVectorizer; save the whole pipeline, not its last step"
)

Decode = Callable[[list[str]], tuple[np.ndarray, dict[str, str]]]
Classify = Callable[[np.ndarray], tuple[Any, np.ndarray]]


def predict_by_plan(
    plan: Plan,
    paths: Iterator[PathLike],
    *,
    batch_size: int,
    n_jobs: int | None,
    threshold: float | None,
) -> Iterator[Prediction]:
    """Classify image files by a plan.

    Parameters
    ----------
    plan : Plan
        Of a model that takes image files.
    paths : iterator of str or path-like
        Image files.
    batch_size, n_jobs, threshold
        As for `predict_files`.

    Returns
    -------
    predictions : iterator of Prediction
        As from `predict_files`.

    Raises
    ------
    ValueError
        If the model takes rows.
    """
    images = plan.images
    if images is None:
        raise ValueError(TAKES_ROWS)
    size = (images["height"], images["width"])
    rendering = Rendering(images["resample"], images["max_pixels"], images["background"])
    classes = np.array(plan.classes)
    run: Callable[[np.ndarray], np.ndarray] | None = None

    def decode(batch: list[str]) -> tuple[np.ndarray, dict[str, str]]:
        (rasters,), failures = try_rasters(batch, [size], rendering, n_jobs=n_jobs)
        errors = {batch[row]: failure.reason for row, failure in failures.items()}
        # By the path: one that is there twice may have been readable only once.
        is_read = np.array([path not in errors for path in batch])
        return rasters_to_rows(rasters[is_read]), errors

    def classify(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nonlocal run
        run = run or choose_runner(plan, len(rows))
        probabilities = run(rows)
        return classes[probabilities.argmax(axis=1)], probabilities

    return stream_predictions(decode, classify, paths, batch_size, threshold)


def stream_predictions(
    decode: Decode,
    classify: Classify,
    paths: Iterator[PathLike],
    batch_size: int,
    threshold: float | None,
) -> Iterator[Prediction]:
    """Decode and classify one batch of files after the other.

    Parameters
    ----------
    decode : callable
        Takes paths; returns the rows of those that can be read, and why the others cannot.
    classify : callable
        Takes rows; returns labels and probabilities.
    paths, batch_size, threshold
        As for `predict_by_plan`.

    Yields
    ------
    prediction : Prediction
        Of each file, in the order of the paths.
    """
    while batch := [os.fsdecode(path) for path in islice(paths, batch_size)]:
        rows, errors = decode(batch)
        labels, probabilities = classify(rows) if len(rows) else ((), ())
        predictions = iter(zip(labels, probabilities, strict=True))
        for path in batch:
            if path in errors:
                yield Prediction(path, None, None, errors[path])
            else:
                label, chances = next(predictions)
                if threshold is not None and chances.max() < threshold:
                    label = UNSURE
                yield Prediction(path, label, chances, "")


def find_images(where: str, skipped: Counter[str] | None = None) -> Iterator[str]:
    """List the image files of a path, a pattern or a folder.

    Parameters
    ----------
    where : str
        A file, which need not exist; a pattern such as ``faces/*.jpg``; a store of `rasterize`,
        whose rows are listed; or a folder, whose images are listed with those of its sub-folders,
        sorted. Hidden files are skipped. Of a file or folder in a store, the URL; one that ends
        as image files do is not asked about.
    skipped : Counter, default=None
        What is skipped in folders is counted here, by the reason.

    Yields
    ------
    path : str
        Of an image file.
    """
    skipped = Counter() if skipped is None else skipped
    if (store := find_store(where)) is not None:
        yield from store.paths()
    elif is_url(where):
        is_image = file_path(where).name.lower().endswith(EXTENSIONS)
        if is_image or not is_folder(where):
            yield where
        else:
            yield from walk_images(where, skipped, scan=make_scan(where))
    elif not os.path.lexists(where) and glob.has_magic(where):
        for match in sorted(glob.iglob(where, recursive=True)):  # noqa: PTH207
            yield from find_images(match, skipped)
    elif os.path.isdir(where):  # noqa: PTH112
        yield from walk_images(where, skipped)
    else:
        yield where
