"""Scores of labels as ratios of counts, group by group: what their uncertainty is made of."""

from collections.abc import Hashable
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import column_or_1d

LabelScore = Literal["f_score", "precision", "recall", "accuracy"]
LABEL_SCORES: tuple[LabelScore, ...] = get_args(LabelScore)


class GroupedScore(NamedTuple):
    """A score as the mean, over classes, of ratios of sums over groups of images.

    The F-score of a class is a ratio too, in disguise: with J, the share of the true positives
    among all images that are of the class or taken for it, it is 2 J / (1 + J).

    Parameters
    ----------
    numerators, denominators : ndarray of shape (n_groups, n_classes), float64
        Counts; of accuracy in one column.
    n_images : ndarray of shape (n_groups,), int
        Images of each group.
    is_f_score : bool
        Whether ratios are turned into F-scores.
    """

    numerators: np.ndarray
    denominators: np.ndarray
    n_images: np.ndarray
    is_f_score: bool

    def value(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Compute the score where groups count several times, or not at all.

        Parameters
        ----------
        weights : ndarray of shape (..., n_groups), default=None
            How often each group counts; None: once.

        Returns
        -------
        score : ndarray of shape (...)
            0 for the ratio of a class that there is nothing of.
        """
        if weights is None:
            weights = np.ones(len(self.numerators))
        return self.from_ratio(self._ratio(weights)).mean(axis=-1)

    def influence(self) -> np.ndarray:
        """Return what each group adds to the score, to first order; the sum is 0.

        Returns
        -------
        influence : ndarray of shape (n_groups,)
            The root of the sum of squares is the standard error of the score (the linearised
            variance of a ratio; Cochran, "Sampling Techniques", 1977, chapter 6).
        """
        ratio = self._ratio(np.ones(len(self.numerators)))
        slope = 2 / (1 + ratio) ** 2 if self.is_f_score else 1.0
        total = np.maximum(self.denominators.sum(axis=0), 1)
        each = slope * (self.numerators - ratio * self.denominators) / total
        n_groups = len(each)
        return each.mean(axis=1) * np.sqrt(n_groups / max(n_groups - 1, 1))

    def from_ratio(self, ratio: Any) -> Any:
        """Turn the ratio into the score of a class."""
        return 2 * ratio / (1 + ratio) if self.is_f_score else ratio

    def _ratio(self, weights: np.ndarray) -> np.ndarray:
        above, below = weights @ self.numerators, weights @ self.denominators
        return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def group_score(
    y_true: Any, y_pred: Any, groups: Any, score: str, positive: Hashable | None
) -> GroupedScore:
    """Count, for each group of images, what a score is made of.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_images,)
        The true labels, and those that a classifier gave.
    groups : array-like of shape (n_images,) or None
        Images of one group err together, such as those of a pair. None: each image is a group.
    score : {"f_score", "precision", "recall", "accuracy"}
        The score.
    positive : label or None
        The class that it is of. None: the second of two classes, the macro average of more.

    Returns
    -------
    grouped : GroupedScore
        The counts.

    Raises
    ------
    ValueError
        If lengths differ, there are no images, or there is no such class.
    """
    y_true, y_pred = column_or_1d(y_true), column_or_1d(y_pred)
    check_consistent_length(y_true, y_pred)
    index = number_groups(groups, len(y_true))
    if not len(y_true):
        raise ValueError("there are no images to score")
    classes = np.union1d(y_true, y_pred)
    if positive is None and len(classes) == 2:
        positive = classes[1]
    if score == "accuracy":
        above, below = (y_true == y_pred)[:, np.newaxis], np.ones((len(y_true), 1))
    else:
        labels = classes if positive is None else np.array([positive])
        if positive is not None and positive not in classes.tolist():
            raise ValueError(f"positive={positive!r} is not one of the classes {classes.tolist()}")
        is_true, is_pred = y_true[:, np.newaxis] == labels, y_pred[:, np.newaxis] == labels
        above = is_true & is_pred
        below = {"precision": is_pred, "recall": is_true, "f_score": is_true | is_pred}[score]
    return GroupedScore(
        _sum_groups(above, index),
        _sum_groups(below, index),
        np.bincount(index),
        is_f_score=score == "f_score",
    )


def number_groups(groups: Any, n_images: int) -> np.ndarray:
    """Return the number of the group of each image; each is a group where there are none."""
    if groups is None:
        return np.arange(n_images)
    groups = column_or_1d(groups)
    check_consistent_length(np.empty(n_images), groups)
    return np.unique(groups, return_inverse=True)[1]


def _sum_groups(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    columns = [np.bincount(index, weights=column) for column in values.T]
    return np.stack(columns, axis=1)
