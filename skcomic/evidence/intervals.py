"""The interval of a score: what the share in all such images may be, given these."""

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm

from skcomic.evidence.bootstrap import bca_limits, find_kinds
from skcomic.evidence.label_scores import LABEL_SCORES, GroupedScore, LabelScore, group_score
from skcomic.evidence.probability_scores import (
    PROBABILITY_SCORES,
    RANKING_SCORES,
    ProbabilityScore,
    ScoredProbabilities,
    score_probabilities,
)

Score = LabelScore | ProbabilityScore
#: Those of labels and those of probabilities.
SCORES: tuple[Score, ...] = (*LABEL_SCORES, *PROBABILITY_SCORES)

# Each resample of probabilities takes all images.
_PROBABILITY_RESAMPLES = 1999


class ScoreInterval(NamedTuple):
    """A score and where it may be in truth.

    Parameters
    ----------
    score : float
        On these images.
    low, high : float
        The limits.
    level : float
        How often such limits hold the true score.
    n_images, n_groups : int
        What they were computed from.
    """

    score: float
    low: float
    high: float
    level: float
    n_images: int
    n_groups: int

    def __str__(self) -> str:
        return f"{self.score:.3f} ({self.low:.3f} to {self.high:.3f})"


def score_interval(
    y_true: Any,
    y_pred: Any,
    groups: Any = None,
    *,
    score: Score = "f_score",
    positive: Hashable | None = None,
    classes: Any = None,
    level: float = 0.95,
    random_state: Any = None,
) -> ScoreInterval:
    """Compute a score, and the interval in which its true value is.

    Parameters
    ----------
    y_true : array-like of shape (n_images,)
        The true labels.
    y_pred : array-like of shape (n_images,) or (n_images, n_classes)
        The labels that a classifier gave; for a score of probabilities those of all classes, or
        of the positive one.
    groups : array-like of shape (n_images,), default=None
        Images of one group may err together, such as the two of a pair; groups are independent.
        None: each image is a group.
    score : str, default="f_score"
        Of labels: "f_score", "precision", "recall" or "accuracy". Of probabilities: "roc_auc",
        "average_precision", "brier_score" (the sum over classes if there are more than two) or
        "log_loss".
    positive : label, default=None
        The class that it is of. None: the second of two classes; the macro average of more.
    classes : array-like of shape (n_classes,), default=None
        The labels of the columns of probabilities. None: those of `y_true`, sorted.
    level : float, default=0.95
        How often the interval is to hold the true score, if images were drawn again and again.
    random_state : int, Generator or None, default=None
        Decides the resamples of macro averages and of scores of probabilities; for other scores
        nothing is drawn.

    Returns
    -------
    interval : ScoreInterval
        Printed as ``0.967 (0.884 to 0.991)``.

    Raises
    ------
    ValueError
        If lengths differ, there are no images, there is no such score or class, the classes are
        not those of the columns, or `level` is not between 0 and 1.

    See Also
    --------
    compare_paired : The difference of two classifiers on the same images.

    Notes
    -----
    Accuracy, precision and recall are shares, and the F-score of a class is 2 J / (1 + J) of one:
    of the true positives among all images that are of the class or taken for it. Their interval is
    Wilson's (1927), with the number of images divided by the design effect: by how much the groups
    vary more than independent images would (Rao & Scott, "A Simple Method for the Analysis of
    Clustered Binary Data", 1992). It is of use with few images and with none that are wrong, where
    the bootstrap gives no width: 95 % intervals hold the true F-score of 0.8 and 0.98 in 94 to
    98 % of simulated tests of 60 and 600 images (``benchmarks/coverage.py``). Macro averages and
    scores of probabilities are resampled by group, with bias correction and acceleration (BCa).
    Where that gives no width, since all images are right or in the right order, the limits are
    those of a share: of accuracy, or of as many images as the smallest class has.

    Examples
    --------
    >>> from skcomic import score_interval
    >>> truth = ["comics", "faces"] * 30
    >>> answers = ["faces", "faces", "comics", "comics"] + truth[4:]
    >>> print(score_interval(truth, answers, positive="comics"))
    0.967 (0.884 to 0.991)
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level!r}")
    if score not in SCORES:
        raise ValueError(f"score must be one of {SCORES}, not {score!r}")
    random = np.random.default_rng(random_state)
    if score in PROBABILITY_SCORES:
        scored = score_probabilities(y_true, y_pred, groups, score, positive, classes)
        return _probability_interval(scored, level, random)
    grouped = group_score(y_true, y_pred, groups, score, positive)
    if grouped.numerators.shape[1] == 1:
        low, high = _share_limits(grouped, level)
    elif np.array_equal(grouped.numerators, grouped.denominators):  # all right
        accuracy = group_score(y_true, y_pred, groups, "accuracy", None)
        low, high = _share_limits(accuracy, level)
    else:
        first, counts = find_kinds(grouped.numerators, grouped.denominators)
        kinds = grouped._replace(
            numerators=grouped.numerators[first], denominators=grouped.denominators[first]
        )
        low, high = bca_limits(kinds.value, counts, level, random)
    n_images = int(grouped.n_images.sum())
    value = float(grouped.value())
    return ScoreInterval(value, low, high, level, n_images, len(grouped.n_images))


def _probability_interval(scored: ScoredProbabilities, level: float, random: Any) -> ScoreInterval:
    counts = np.ones(scored.groups.max() + 1, dtype=int)
    value = float(scored.value(counts[np.newaxis])[0])
    if len(counts) == 1:  # one pair: nothing is known
        return ScoreInterval(value, 0.0, scored.highest, level, len(scored.groups), 1)
    low, high = bca_limits(scored.value, counts, level, random, _PROBABILITY_RESAMPLES)
    if low == high and scored.score in RANKING_SCORES:
        low, high = _wilson(value, scored.is_class.sum(axis=0).min(), level)
    return ScoreInterval(value, low, high, level, len(scored.groups), len(counts))


def _share_limits(grouped: GroupedScore, level: float) -> tuple[float, float]:
    """Return Wilson's limits for as many images as the groups are worth."""
    above, below = grouped.numerators.sum(), grouped.denominators.sum()
    if below == 0:  # nothing of that class: nothing is known
        return 0.0, 1.0
    limits = _wilson(above / below, below / design_effect(grouped), level)
    low, high = (grouped.from_ratio(limit) for limit in limits)
    return float(low), float(high)


def _wilson(share: float, n: float, level: float) -> tuple[float, float]:
    z = norm.ppf((1 + level) / 2)
    centre = share + z**2 / (2 * n)
    width = z * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    low, high = np.clip((centre + np.array([-width, width])) / (1 + z**2 / n), 0, 1)
    return float(low), float(high)


def design_effect(grouped: GroupedScore) -> float:
    """Compute by how much a share varies more than that of as many independent images.

    Parameters
    ----------
    grouped : GroupedScore
        Of one column.

    Returns
    -------
    effect : float
        1 or more; at most the size of the group of an average image.
    """
    above, below = grouped.numerators[:, 0], grouped.denominators[:, 0]
    share, n = above.sum() / below.sum(), below.sum()
    largest = (grouped.n_images**2).sum() / grouped.n_images.sum()
    if len(above) == 1:
        return float(largest)
    if share in (0, 1):
        return 1.0
    variance = ((above - share * below) ** 2).sum() / n**2
    n_groups = len(above)
    variance *= n_groups / (n_groups - 1)
    return float(np.clip(variance / (share * (1 - share) / n), 1, largest))
