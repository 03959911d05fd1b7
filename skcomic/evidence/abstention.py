"""Answering only what one is sure of: how accurate these answers are, and how many there are."""

from typing import Any

import numpy as np
import pandas as pd

from skcomic.evidence.calibration import rate_answers


def abstention_curve(y_true: Any, probabilities: Any, classes: Any) -> pd.DataFrame:
    """Compute how accurate the answers are of which a classifier is surest, for any share of them.

    Parameters
    ----------
    y_true, probabilities, classes
        As for `rate_answers`.

    Returns
    -------
    curve : DataFrame
        A row for each `threshold` of the probability of the most probable class that changes
        something, the lowest first: the share `answered` of images of that probability or more,
        and the `accuracy` of these answers.

    Raises
    ------
    ValueError
        If lengths differ or there are no images.
    """
    highest, is_right = rate_answers(y_true, probabilities, classes)
    if not len(highest):
        raise ValueError("there are no images to answer")
    order = np.argsort(-highest, kind="stable")
    n_right = np.cumsum(is_right[order])
    # Images of equal probability are answered together, or none of them.
    last = np.append(np.diff(highest[order]) != 0, True)
    n_answered = np.flatnonzero(last) + 1
    curve = pd.DataFrame(
        {
            "threshold": highest[order][last],
            "answered": n_answered / len(highest),
            "accuracy": n_right[last] / n_answered,
        }
    )
    return curve[::-1].reset_index(drop=True)


def choose_threshold(curve: pd.DataFrame, accuracy: float) -> float | None:
    """Choose the lowest threshold from which on answers are as accurate as is wanted.

    Parameters
    ----------
    curve : DataFrame
        Of `abstention_curve`, of images that the classifier was not trained on.
    accuracy : float
        What is wanted, such as 0.99.

    Returns
    -------
    threshold : float or None
        None if no share of the answers is so accurate.
    """
    is_enough = curve.accuracy >= accuracy
    return float(curve.threshold[is_enough].min()) if is_enough.any() else None
