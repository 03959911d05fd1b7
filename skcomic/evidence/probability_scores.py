"""Scores of probabilities, of images that count as often as their groups are drawn."""

from collections.abc import Hashable
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import column_or_1d

from skcomic.evidence.label_scores import number_groups

ProbabilityScore = Literal["roc_auc", "average_precision", "brier_score", "log_loss"]
PROBABILITY_SCORES: tuple[ProbabilityScore, ...] = get_args(ProbabilityScore)
#: Those of which 1 is the best.
RANKING_SCORES: tuple[ProbabilityScore, ...] = ("roc_auc", "average_precision")

# Probabilities are not less, as in scikit-learn's `log_loss` of float32.
_LEAST = float(np.finfo(np.float32).eps)
# Weights of so many images, in all resamples that are scored at once, take 80 MB.
_CHUNK = 10_000_000


class ScoredProbabilities(NamedTuple):
    """What a score of probabilities is computed from.

    Parameters
    ----------
    is_class : ndarray of shape (n_images, n_columns), bool
        Whether an image is of the class of a column.
    probabilities : ndarray of shape (n_images, n_columns), float64
        The probability of that.
    groups : ndarray of shape (n_images,), int
        The number of the group of each image.
    score : str
        One of `PROBABILITY_SCORES`.
    """

    is_class: np.ndarray
    probabilities: np.ndarray
    groups: np.ndarray
    score: str

    def value(self, weights: np.ndarray) -> np.ndarray:
        """Compute the score where groups count several times, or not at all.

        Parameters
        ----------
        weights : ndarray of shape (n_resamples, n_groups)
            How often each group counts.

        Returns
        -------
        score : ndarray of shape (n_resamples,)
            The mean over the columns; NaN where a class is absent, or is the only one, and the
            score needs others.
        """
        if self.score not in RANKING_SCORES:
            losses = np.bincount(self.groups, self._losses())
            return np.asarray(weights @ losses / (weights @ np.bincount(self.groups)))
        size = max(1, _CHUNK // len(self.groups))
        of_columns = [
            np.concatenate(
                [
                    self._rank(weights[start : start + size], column)
                    for start in range(0, len(weights), size)
                ]
            )
            for column in range(self.is_class.shape[1])
        ]
        return np.mean(of_columns, axis=0)

    @property
    def highest(self) -> float:
        """The highest value that the score can have."""
        several = self.is_class.shape[1] > 1
        return {"brier_score": 1.0 + several, "log_loss": -np.log(_LEAST)}.get(self.score, 1.0)

    def _losses(self) -> np.ndarray:
        if self.score == "brier_score":
            return ((self.probabilities - self.is_class) ** 2).sum(axis=1)
        likelihoods = np.where(self.is_class, self.probabilities, 1 - self.probabilities)
        if self.is_class.shape[1] > 1:
            likelihoods = self.probabilities[self.is_class][:, np.newaxis]
        return -np.log(np.clip(likelihoods[:, 0], _LEAST, 1 - _LEAST))

    def _rank(self, weights: np.ndarray, column: int) -> np.ndarray:
        order = np.argsort(-self.probabilities[:, column], kind="stable")
        probabilities = self.probabilities[order, column]
        # Images of equal probability are found at once.
        ends = np.flatnonzero(np.append(np.diff(probabilities) != 0, True))
        of_images = weights[:, self.groups[order]]
        is_class = self.is_class[order, column]
        true = np.cumsum(of_images * is_class, axis=1)[:, ends].astype(float)
        false = np.cumsum(of_images * ~is_class, axis=1)[:, ends].astype(float)
        gains = np.diff(true, axis=1, prepend=0)
        n_true, n_false = true[:, -1], false[:, -1]
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.score == "average_precision":
                precisions = np.where(gains > 0, true / (true + false), 0)
                return np.asarray((gains * precisions).sum(axis=1) / n_true)
            steps = np.diff(false, axis=1, prepend=0)
            area = (steps * (true - gains / 2)).sum(axis=1)
            return np.asarray(area / (n_true * n_false))


def score_probabilities(
    y_true: Any,
    y_proba: Any,
    groups: Any,
    score: str,
    positive: Hashable | None,
    classes: Any,
) -> ScoredProbabilities:
    """Check probabilities, and prepare what a score of them is computed from.

    Parameters
    ----------
    y_true : array-like of shape (n_images,)
        The true labels.
    y_proba : array-like of shape (n_images, n_classes) or (n_images,)
        Probabilities of all classes, or of the positive one.
    groups : array-like of shape (n_images,) or None
        Images of one group err together. None: each image is a group.
    score : {"roc_auc", "average_precision", "brier_score", "log_loss"}
        The score.
    positive : label or None
        The class that it is of. None: the second of two classes; of more, the macro average, or
        the loss over all.
    classes : array-like of shape (n_classes,) or None
        The labels of the columns. None: those of `y_true`, sorted.

    Returns
    -------
    scored : ScoredProbabilities
        With one column for one class.

    Raises
    ------
    ValueError
        If lengths differ, there are no images, or the classes are not those of the columns.
    """
    y_true = column_or_1d(y_true)
    check_consistent_length(y_true, y_proba)
    if not len(y_true):
        raise ValueError("there are no images to score")
    probabilities = check_array(y_proba, ensure_2d=False, dtype=np.float64)
    classes = np.unique(y_true) if classes is None else np.asarray(classes)
    if probabilities.ndim == 1:
        probabilities = np.stack([1 - probabilities, probabilities], axis=1)
    if len(classes) != probabilities.shape[1]:
        raise ValueError(
            f"there are {probabilities.shape[1]} columns of probabilities for the classes "
            f"{classes.tolist()}; give classes= as those of the classifier"
        )
    if unknown := sorted(set(y_true.tolist()) - set(classes.tolist())):
        raise ValueError(f"there are no probabilities of the classes {unknown}")
    if positive is None and len(classes) == 2:
        positive = classes[1]
    labels = classes if positive is None else np.array([positive])
    columns = [classes.tolist().index(label) for label in labels.tolist()]
    return ScoredProbabilities(
        y_true[:, np.newaxis] == labels,
        probabilities[:, columns],
        number_groups(groups, len(y_true)),
        score,
    )
