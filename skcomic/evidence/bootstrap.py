"""The bootstrap over groups of images, for scores that have no interval of their own."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import norm

N_RESAMPLES = 9999
# Weights of so many groups, in all resamples that are scored at once, take 8 MB, and what is
# computed of them 100. With ten times as many, an interval takes half as long again, and 600 MB.
_CHUNK = 1_000_000
# Of all resamples together, so that the time does not grow further; the interval of so many
# groups is narrow, and nearly a normal one.
_MAX_WEIGHTS = 100_000_000
_MIN_RESAMPLES = 999
_MAX_LEFT_OUT = 1000


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
        How many, fewer of more than 10,000 kinds. Those without a score, NaN, do not count.

    Returns
    -------
    low, high : float
        Equal if the score is the same in all resamples.
    """
    n_groups = counts.sum()
    n_resamples = min(n_resamples, max(_MIN_RESAMPLES, _MAX_WEIGHTS // len(counts)))
    size = max(1, _CHUNK // len(counts))
    resampled = np.concatenate(
        [
            score(random.multinomial(n_groups, counts / n_groups, min(size, n_resamples - start)))
            for start in range(0, n_resamples, size)
        ]
    )
    resampled = resampled[~np.isnan(resampled)]
    estimate = score(counts[np.newaxis])[0]
    acceleration = _find_acceleration(score, counts, random, size)
    if acceleration is None or np.ptp(resampled) == 0:
        return float(resampled.min()), float(resampled.max())
    below = np.mean(resampled < estimate) + np.mean(resampled <= estimate)
    bias = norm.ppf(np.clip(below / 2, 1 / n_resamples, 1 - 1 / n_resamples))
    z = bias + norm.ppf([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(resampled, norm.cdf(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


def _find_acceleration(
    score: Callable[[np.ndarray], np.ndarray], counts: np.ndarray, random: Any, size: int
) -> float | None:
    """Find how the standard error changes with the score, by the jackknife.

    Each group is left out by itself. Of very many kinds, random blocks of groups are, which give
    nearly the same: the time would grow with the square of their number.
    """
    n_kinds, n_groups = len(counts), counts.sum()
    n_left_out, weights = n_kinds, counts
    block_of_kind = np.arange(n_kinds), np.arange(n_kinds)
    if n_kinds > _MAX_LEFT_OUT:
        n_left_out, weights = _MAX_LEFT_OUT, np.ones(_MAX_LEFT_OUT, dtype=int)
        kind_of_group = np.repeat(np.arange(n_kinds), counts)
        block_of_kind = random.permutation(n_groups) % n_left_out, kind_of_group
    blocks, kinds = block_of_kind
    left_out = np.empty(n_left_out)
    for start in range(0, n_left_out, size):
        remaining = np.repeat(counts[np.newaxis], min(size, n_left_out - start), axis=0)
        here = (blocks >= start) & (blocks < start + size)
        np.subtract.at(remaining, (blocks[here] - start, kinds[here]), 1)
        left_out[start : start + size] = score(remaining)
    weights, left_out = weights[~np.isnan(left_out)], left_out[~np.isnan(left_out)]
    deviation = (left_out * weights).sum() / max(weights.sum(), 1) - left_out
    squares = np.sum(weights * deviation**2)
    return None if squares == 0 else np.sum(weights * deviation**3) / (6 * squares**1.5)


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
