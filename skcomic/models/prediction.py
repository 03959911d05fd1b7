"""Image files -> labels and probabilities, one batch at a time, with the memory of one batch."""

import copy
import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skcomic.evidence.abstention import UNSURE
from skcomic.images.decoding import ImageReadError, PathLike
from skcomic.images.listing import walk_images
from skcomic.nets.network_files import is_fitted_classifier, is_network


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


def predict_files(
    model: Any,
    paths: PathLike | Iterable[PathLike] | pd.DataFrame,
    *,
    batch_size: int = 256,
    n_jobs: int | None = -1,
    threshold: float | None = None,
) -> Iterator[Prediction]:
    """Classify any number of image files with the memory of one batch.

    Parameters
    ----------
    model : estimator
        A fitted pipeline that begins with an `ImageVectorizer`, or a fitted search or another
        classifier around such a pipeline.
    paths : str, path-like, iterable of these, or DataFrame
        One image file; several, which are read from the iterable one batch at a time; or a
        catalogue.
    batch_size : int, default=256
        How many images are decoded and classified at a time.
    n_jobs : int or None, default=-1
        Number of threads that decode; -1 is all cores.
    threshold : float, default=None
        Where no class is as probable as this, the label is "unsure"; of a study with `abstain` it
        is ``study.abstention["threshold"]``. None: it is always the most probable class.

    Returns
    -------
    predictions : iterator of Prediction
        One for each path, in the same order. A file that cannot be read does not affect the
        others.

    Raises
    ------
    ValueError
        If the model does not take image files, or has several `ImageVectorizer` that differ.

    See Also
    --------
    load : Loads a model from a file.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic import load_catalogue, make_comic_pipeline, predict_files
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_comic_faces(4, size=32, out_dir=folder, random_state=0)
    ...     images = load_catalogue(folder)
    ...     model = make_comic_pipeline(vectorize__size=16, classify__epochs=1)
    ...     _ = model.fit(images.path, images.label)
    ...     paths = ["nowhere.jpg", *images.path]
    ...     errors = [prediction.error for prediction in predict_files(model, paths)]
    >>> len(errors), errors[:2]
    (9, ['no such file', ''])
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    elif isinstance(paths, pd.DataFrame):
        from skcomic.images.vectorizer import list_paths

        paths = list_paths(paths)
    vectorizer, classifier = _split_vectorizer(model)
    vectorizer.set_params(n_jobs=n_jobs)
    if hasattr(vectorizer, "on_error"):
        vectorizer.set_params(on_error="raise")  # so that the reasons are reported
    return _predict_batches(vectorizer, classifier, iter(paths), batch_size, threshold)


def find_images(where: str, skipped: Counter[str] | None = None) -> Iterator[str]:
    """List the image files of a path, a pattern or a folder.

    Parameters
    ----------
    where : str
        A file, which need not exist; a pattern such as ``faces/*.jpg``; or a folder, whose
        images are listed with those of its sub-folders, sorted. Hidden files are skipped.
    skipped : Counter, default=None
        What is skipped in folders is counted here, by the reason.

    Yields
    ------
    path : str
        Of an image file.
    """
    skipped = Counter() if skipped is None else skipped
    if not os.path.lexists(where) and glob.has_magic(where):
        for match in sorted(glob.iglob(where, recursive=True)):  # noqa: PTH207
            yield from find_images(match, skipped)
    elif os.path.isdir(where):  # noqa: PTH112
        yield from walk_images(where, skipped)
    else:
        yield where


def _split_vectorizer(model: Any) -> tuple[Any, Any]:
    """Split a model into its `ImageVectorizer` and a classifier of rows of pixels.

    Each file is then decoded once, however many pipelines the model consists of.
    """
    from sklearn.pipeline import Pipeline

    from skcomic.images.vectorizer import ImageVectorizer
    from skcomic.models.persistence import iter_parts

    while hasattr(model, "best_estimator_"):
        model = model.best_estimator_
    networks = {id(part): part for part in iter_parts(model) if is_network(part)}
    model = copy.deepcopy(model, networks)
    vectorizers = []
    for part in list(iter_parts(model)):
        reads_images = isinstance(part, Pipeline) and isinstance(part[0], ImageVectorizer)
        if reads_images and hasattr(part[-1], "classes_"):
            vectorizers.append(part[0])
            part.steps[0] = (part.steps[0][0], "passthrough")
    if not vectorizers:
        raise ValueError(
            "the model takes rows of pixels, not image files: it has no fitted pipeline with an "
            "ImageVectorizer; save the whole pipeline, not its last step"
        )
    first, *others = vectorizers
    if any(other.get_params() != first.get_params() for other in others):
        raise ValueError(
            "the pipelines in the model have different ImageVectorizers; use its predict_proba"
        )
    return first, model


def _predict_batches(
    vectorizer: Any,
    classifier: Any,
    paths: Iterator[PathLike],
    batch_size: int,
    threshold: float | None,
) -> Iterator[Prediction]:
    last = classifier[-1] if hasattr(classifier, "steps") else classifier
    by_probability = is_fitted_classifier(last)
    while batch := [os.fsdecode(path) for path in islice(paths, batch_size)]:
        rows, errors = _decode(vectorizer, batch)
        labels: Any = []
        if len(rows):
            probabilities = classifier.predict_proba(rows)
            if by_probability:  # as its `predict` does
                labels = classifier.classes_[np.argmax(probabilities, axis=1)]
            else:
                labels = classifier.predict(rows)
        predictions = iter(zip(labels, probabilities, strict=True) if len(rows) else ())
        for path in batch:
            if path in errors:
                yield Prediction(path, None, None, errors[path])
            else:
                label, chances = next(predictions)
                if threshold is not None and chances.max() < threshold:
                    label = UNSURE
                yield Prediction(path, label, chances, "")


def _decode(vectorizer: Any, paths: list[str]) -> tuple[np.ndarray, dict[str, str]]:
    """Return the rows of the files that can be read, and why the others cannot, by path."""
    errors: dict[str, str] = {}
    while paths:
        try:
            return vectorizer.transform(paths), errors
        except ImageReadError as error:  # lists all of them, unless a file changes meanwhile
            errors |= {failure.path: failure.reason for failure in error.failures}
            paths = [path for path in paths if path not in errors]
    return np.empty((0, 0), np.float32), errors
