"""The bootstrap over groups of images, for scores that have no interval of their own."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import norm

N_RESAMPLES = 9999
# Weights of so many groups, in all resamples that are scored at once, take 8 MB, and what is
# computed of them 100. With ten times as many, an interval takes half as long again, and 600 MB.
_CHUNK = 1_000_000


def bca_limits(
    score: Callable[[np.ndarray], np.ndarray],
    counts: np.ndarray,
    level: float,
    random: Any,
    n_resamples: int = N_RESAMPLES,
) -> tuple[float, float]:
    """Compute a bias-corrected and accelerated bootstrap interval (Efron, 1987).

    As `scipy.stats.bootstrap` does, but groups that are alike are drawn together: of pairs of
    images there are a few kinds, and so many pairs of each.

    Parameters
    ----------
    score : callable
        Takes weights of shape (n_resamples, n_kinds), gives scores of shape (n_resamples,).
    counts : ndarray of shape (n_kinds,), int
        How many groups there are of each kind.
    level : float
        Such as 0.95.
    random : numpy.random.Generator
        Draws the resamples.
    n_resamples : int, default=9999
        How many. Those without a score, NaN, do not count.

    Returns
    -------
    low, high : float
        Equal if the score is the same in all resamples.
    """
    n_groups = counts.sum()
    size = max(1, _CHUNK // len(counts))
    resampled = np.concatenate(
        [
            score(random.multinomial(n_groups, counts / n_groups, min(size, n_resamples - start)))
            for start in range(0, n_resamples, size)
        ]
    )
    resampled = resampled[~np.isnan(resampled)]
    estimate = score(counts[np.newaxis])[0]
    left_out = np.concatenate(
        [
            score(counts - np.eye(len(counts), dtype=int)[start : start + size])
            for start in range(0, len(counts), size)
        ]
    )
    counts, left_out = counts[~np.isnan(left_out)], left_out[~np.isnan(left_out)]
    deviation = (left_out * counts).sum() / max(counts.sum(), 1) - left_out
    squares = np.sum(counts * deviation**2)
    if squares == 0 or np.ptp(resampled) == 0:
        return float(resampled.min()), float(resampled.max())
    acceleration = np.sum(counts * deviation**3) / (6 * squares**1.5)
    below = np.mean(resampled < estimate) + np.mean(resampled <= estimate)
    bias = norm.ppf(np.clip(below / 2, 1 / n_resamples, 1 - 1 / n_resamples))
    z = bias + norm.ppf([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(resampled, norm.cdf(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


def find_kinds(*tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the groups that are alike.

    Parameters
    ----------
    *tables : ndarray of shape (n_groups, ...)
        What is counted of each group.

    Returns
    -------
    first : ndarray of shape (n_kinds,), int
        One group of each kind.
    counts : ndarray of shape (n_kinds,), int
        How many groups are of that kind.
    """
    rows = np.concatenate(tables, axis=1)
    _, first, counts = np.unique(rows, axis=0, return_index=True, return_counts=True)
    return first, counts
