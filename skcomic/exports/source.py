"""What all formats share: where a model comes from, and what an opened file is."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

#: Takes rows of shape (n_images, n_pixels); returns probabilities of shape (n_images, n_classes).
Predict = Callable[[np.ndarray], np.ndarray]


class ModelSource(NamedTuple):
    """Where an exported model comes from.

    Parameters
    ----------
    version : str
        Of skcomic.
    digest : str
        SHA-256 of the model file in hexadecimal digits; empty for a model of no file.
    threshold : float or None, default=None
        What is less probable is to be answered by "unsure". None: nothing is.
    """

    version: str
    digest: str
    threshold: float | None = None
