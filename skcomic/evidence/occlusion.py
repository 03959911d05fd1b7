"""Which part of an image decides: what becomes of the answer when a part is covered."""

from collections.abc import Callable

import numpy as np
from scipy.special import logit

# Patches of a quarter of the side, half of which overlap: 49 predictions for each image.
_PATCHES_PER_SIDE = 4

# Probabilities of float32 tell no more.
_LEAST = float(np.finfo(np.float32).eps)


def occlusion_map(
    predict_proba: Callable[[np.ndarray], np.ndarray], image: np.ndarray, column: int
) -> np.ndarray:
    """Measure how much less sure a class becomes when a part of an image is covered.

    Parameters
    ----------
    predict_proba : callable
        Of a fitted classifier: takes rows of pixels, returns an array of shape
        (n_rows, n_classes).
    image : ndarray of shape (height, width), float32
        Grey levels in [0, 1].
    column : int
        The column of the class.

    Returns
    -------
    decrease : ndarray of shape (height, width), float
        For each pixel, the mean decrease of the log-odds of the class, log(p / (1 - p)), over the
        patches that cover it: of a probability near 1, small changes count, too. Where it is
        below 0, what is there speaks against the class.

    Notes
    -----
    Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks" (2014). Squares of a
    quarter of the sides are moved over the image by half of that, and filled with its mean level.
    """
    corners = [_corners(side) for side in image.shape]
    heights, widths = (max(1, round(side / _PATCHES_PER_SIDE)) for side in image.shape)
    patches = [
        (slice(top, top + heights), slice(left, left + widths))
        for top in corners[0]
        for left in corners[1]
    ]
    covered = np.repeat(image[np.newaxis], len(patches) + 1, axis=0)
    for number, patch in enumerate(patches):
        covered[number][patch] = image.mean()
    chances = np.asarray(predict_proba(covered.reshape(len(covered), -1)))[:, column]
    log_odds = logit(np.clip(chances.astype(float), _LEAST, 1 - _LEAST))
    total, n_patches = np.zeros(image.shape), np.zeros(image.shape)
    for patch, covered_odds in zip(patches, log_odds[:-1], strict=True):
        total[patch] += log_odds[-1] - covered_odds
        n_patches[patch] += 1
    return total / n_patches


def _corners(side: int) -> list[int]:
    """Return where patches begin: the last one ends where the image ends."""
    patch = max(1, round(side / _PATCHES_PER_SIDE))
    n_steps = -(-(side - patch) // max(1, patch // 2))
    return np.linspace(0, side - patch, n_steps + 1).round().astype(int).tolist()
