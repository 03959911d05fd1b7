"""Whether probabilities mean what they say."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_consistent_length

_N_BINS = 10


def rate_answers(y_true: Any, probabilities: Any, classes: Any) -> tuple[np.ndarray, np.ndarray]:
    """Tell how sure a classifier is of each answer, and whether it is right.

    Parameters
    ----------
    y_true : array-like of shape (n_images,)
        The true labels.
    probabilities : array-like of shape (n_images, n_classes)
        Of all classes.
    classes : array-like of shape (n_classes,)
        The labels of the columns.

    Returns
    -------
    confidence : ndarray of shape (n_images,), float
        The probability of the most probable class.
    is_right : ndarray of shape (n_images,), bool
        Whether that is the true one.

    Raises
    ------
    ValueError
        If lengths differ.
    """
    y_true, probabilities = np.asarray(y_true), np.asarray(probabilities, dtype=float)
    check_consistent_length(y_true, probabilities)
    is_right = np.asarray(classes)[probabilities.argmax(axis=1)] == y_true
    return probabilities.max(axis=1), is_right


def calibration_bins(y_true: Any, probabilities: Any, classes: Any) -> pd.DataFrame:
    """Compare how sure a classifier is of its answers with how often they are right.

    Parameters
    ----------
    y_true, probabilities, classes
        As for `rate_answers`.

    Returns
    -------
    bins : DataFrame
        A row for each tenth of the probability of the most probable class that images have: their
        number `n`, mean `confidence` and `accuracy`.
    """
    confidence, is_right = rate_answers(y_true, probabilities, classes)
    number = np.minimum((confidence * _N_BINS).astype(int), _N_BINS - 1)
    answers = pd.DataFrame({"bin": number, "confidence": confidence, "accuracy": is_right})
    bins = answers.groupby("bin").agg(
        n=("confidence", "size"), confidence=("confidence", "mean"), accuracy=("accuracy", "mean")
    )
    return bins.reset_index(drop=True)


def calibration_error(bins: pd.DataFrame) -> float:
    """Compute the expected calibration error.

    Parameters
    ----------
    bins : DataFrame
        Of `calibration_bins`.

    Returns
    -------
    error : float
        The mean distance of confidence and accuracy, over images (Guo, Pleiss, Sun & Weinberger,
        "On Calibration of Modern Neural Networks", 2017).
    """
    distances = (bins.confidence - bins.accuracy).abs()
    return float(np.average(distances, weights=bins.n))
