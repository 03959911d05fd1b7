"""The probability from which on an image is taken for one of two classes."""

from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve


def tune_threshold(y_true: Any, probability: Any, positive: Any) -> float:
    """Choose the threshold of the highest F-score.

    Parameters
    ----------
    y_true : array-like of shape (n_images,)
        The true labels.
    probability : array-like of shape (n_images,)
        Of the positive class, by fits that were not trained on the image.
    positive : label
        That class.

    Returns
    -------
    threshold : float
        In the middle between two probabilities; of equally good ones the nearest to 0.5.
    """
    is_positive = np.asarray(y_true) == positive
    precision, recall, thresholds = precision_recall_curve(is_positive, probability)
    both = precision + recall
    scores = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    below = np.append(0, thresholds[:-1])
    candidates = (below + thresholds) / 2
    best = np.flatnonzero(np.isclose(scores[:-1], scores[:-1].max()))
    return float(candidates[best[np.argmin(np.abs(candidates[best] - 0.5))]])
