"""Probabilities that are made less sure, or surer: temperature scaling, without scikit-learn."""

from typing import Any

import numpy as np

#: What is said of an image where no class is probable enough.
UNSURE = "unsure"


def scale_probabilities(probabilities: Any, temperature: float) -> np.ndarray:
    """Make probabilities less sure, or surer.

    Parameters
    ----------
    probabilities : array-like of shape (n_images, n_classes)
        Of all classes.
    temperature : float
        Logarithms of probabilities are divided by it: above 1, they become less sure.

    Returns
    -------
    scaled : ndarray of shape (n_images, n_classes), float
        Their sum is 1; the order of the classes is as it was.
    """
    logits = log_of(np.asarray(probabilities)) / temperature
    scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
    return scaled / scaled.sum(axis=1, keepdims=True)


def log_of(probabilities: np.ndarray) -> np.ndarray:
    """Return logarithms in double precision; what is 0 is as small as its type can tell."""
    kind = np.promote_types(probabilities.dtype, np.float32)
    return np.log(np.maximum(probabilities.astype(float), np.finfo(kind).eps))
