"""Classifiers without a network that a study compares its choice with."""

import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skcomic.images.vectorizer import ImageVectorizer
from skcomic.study.evaluation import TimedFit

#: The classifier that ignores the images: what is not better has learned nothing.
DUMMY = DummyClassifier.__name__

# Each fit begins with the weights of the one before, and the time is checked between them. With
# fewer at once it learns more slowly, since each fit estimates the curvature from scratch: of 266
# drawings in two styles 86 % are right after ten fits of 20 iterations, 90 % after five of 100,
# and 91 % after one of 332, which then has converged.
_ITERATIONS_AT_ONCE = 100
_MAX_FITS = 5


def make_baselines(
    vectorizer: ImageVectorizer, *, seed: int, in_chunks: bool
) -> list[tuple[str, Any]]:
    """Make the classifiers, from paths to classes.

    Parameters
    ----------
    vectorizer : ImageVectorizer
        Makes the rows.
    seed : int
        The `random_state` of each.
    in_chunks : bool
        Whether they are trained in chunks.

    Returns
    -------
    baselines : list of (str, estimator)
        Names, and estimators that are not fitted.
    """
    dummy = DummyClassifier(strategy="stratified", random_state=seed)
    linear = LogisticRegression(max_iter=_ITERATIONS_AT_ONCE, warm_start=True, random_state=seed)
    steps = [("vectorize", vectorizer), ("classify", linear)]
    if in_chunks:
        linear = SGDClassifier(loss="log_loss", average=True, random_state=seed)
        steps = [("vectorize", vectorizer), ("scale", StandardScaler()), ("classify", linear)]
    return [(DUMMY, dummy), (type(linear).__name__, Pipeline(steps))]


def train_baseline(fit: TimedFit, images: pd.DataFrame) -> float:
    """Train a classifier until it converges or has been trained enough.

    Parameters
    ----------
    fit : TimedFit
        Of one of `make_baselines`.
    images : DataFrame
        With columns `path` and `label`.

    Returns
    -------
    cpu_seconds : float
        What that took.

    Raises
    ------
    TimeoutError
        If it takes longer than the fit may.
    """
    rows = fit.make_rows(images.path)
    start, cpu_seconds = time.perf_counter(), 0.0
    for _ in range(_MAX_FITS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fit.fit(rows, images.label)
        cpu_seconds += fit.times_["cpu_seconds"]
        if not _is_unfinished(fit.contender):
            break
        if fit.max_seconds is not None and time.perf_counter() - start > fit.max_seconds:
            raise TimeoutError(f"training took longer than {fit.max_seconds} s")
    return cpu_seconds


def _is_unfinished(contender: Any) -> bool:
    linear = contender[-1] if isinstance(contender, Pipeline) else contender
    is_stepwise = isinstance(linear, LogisticRegression)  # each fit of others is a whole one
    return is_stepwise and np.max(linear.n_iter_) >= _ITERATIONS_AT_ONCE
