"""Classifiers without a network that a study compares its choice with."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

#: The classifier that ignores the images: what is not better has learned nothing.
DUMMY = DummyClassifier.__name__

# Each fit begins with the weights of the one before, and the time is checked between them. With
# fewer at once it learns more slowly, since each fit estimates the curvature from scratch: of 266
# drawings in two styles 86 % are right after ten fits of 20 iterations, 90 % after five of 100,
# and 91 % after one of 332, which then has converged.
_ITERATIONS_AT_ONCE = 100
_MAX_FITS = 5

Score = Callable[[Any], dict[str, Any]]


def train_and_score(
    rows: np.ndarray, labels: pd.Series, score: Score, *, seed: int, max_seconds: float | None
) -> list[dict[str, Any]]:
    """Train and score classifiers of rows of pixels.

    Parameters
    ----------
    rows : ndarray of shape (n_images, n_pixels)
        Grey levels in [0, 1].
    labels : Series of shape (n_images,)
        The classes.
    score : callable
        Gives the scores of a trained classifier.
    seed : int
        The `random_state` of each.
    max_seconds : float or None
        How long the training of each may take; one that takes longer fails.

    Returns
    -------
    baselines : list of dict
        For each its name, `net`, and either its scores and `cpu_seconds`, or its `failure`.
    """
    dummy = DummyClassifier(strategy="stratified", random_state=seed)
    linear = LogisticRegression(max_iter=_ITERATIONS_AT_ONCE, warm_start=True, random_state=seed)
    scored = []
    for baseline, max_fits in ((dummy, 1), (linear, _MAX_FITS)):
        row: dict[str, Any] = {"net": type(baseline).__name__}
        cpu = time.process_time()
        try:
            _train(baseline, rows, labels, max_fits, max_seconds)
        except TimeoutError as error:
            scored.append({**row, "failure": f"{type(error).__name__}: {error}"})
            continue
        cpu = time.process_time() - cpu
        scored.append({**row, **score(baseline), "cpu_seconds": cpu})
    return scored


def _train(
    classifier: Any, rows: np.ndarray, labels: pd.Series, max_fits: int, max_seconds: float | None
) -> None:
    """Fit a classifier, which each fit trains further, until it converges or the time is over."""
    start = time.perf_counter()
    for _ in range(max_fits):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            classifier.fit(rows, labels)
        if np.max(getattr(classifier, "n_iter_", 0)) < _ITERATIONS_AT_ONCE:
            return
        if max_seconds is not None and time.perf_counter() - start > max_seconds:
            raise TimeoutError(f"training took longer than {max_seconds} s")
