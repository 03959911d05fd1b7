"""Image files -> labels and probabilities, by any fitted model that takes files."""

import copy
import os
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from skcomic.images.decoding import ImageReadError, PathLike
from skcomic.models.light import LightClassifier
from skcomic.models.streaming import (
    TAKES_ROWS,
    Prediction,
    predict_by_plan,
    stream_predictions,
)
from skcomic.nets.network_files import is_fitted_classifier, is_network


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
        One image file or its URL; several, which are read from the iterable one batch at a time;
        or a catalogue.
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
    if isinstance(model, LightClassifier):
        return predict_by_plan(
            model.plan, iter(paths), batch_size=batch_size, n_jobs=n_jobs, threshold=threshold
        )
    vectorizer, classifier = _split_vectorizer(model)
    vectorizer.set_params(n_jobs=n_jobs)
    if hasattr(vectorizer, "on_error"):
        vectorizer.set_params(on_error="raise")  # so that the reasons are reported
    last = classifier[-1] if hasattr(classifier, "steps") else classifier
    by_probability = is_fitted_classifier(last)

    def classify(rows: np.ndarray) -> tuple[Any, np.ndarray]:
        probabilities = classifier.predict_proba(rows)
        if by_probability:  # as its `predict` does
            return classifier.classes_[np.argmax(probabilities, axis=1)], probabilities
        return classifier.predict(rows), probabilities

    decode = partial(_decode, vectorizer)
    return stream_predictions(decode, classify, iter(paths), batch_size, threshold)


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
        raise ValueError(TAKES_ROWS)
    first, *others = vectorizers
    if any(other.get_params() != first.get_params() for other in others):
        raise ValueError(
            "the pipelines in the model have different ImageVectorizers; use its predict_proba"
        )
    return first, model


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
