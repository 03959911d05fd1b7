"""All scores of one classifier on labelled images, each with its interval."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix

from skcomic.catalogue.validation import normalize
from skcomic.evidence.intervals import ScoreInterval, score_interval
from skcomic.evidence.label_scores import LABEL_SCORES
from skcomic.evidence.probability_scores import PROBABILITY_SCORES, RANKING_SCORES

#: Begins the names of columns of probabilities; the class follows.
PROBABILITY = "probability_"

#: The class that scores are of where there is one of this name.
DEFAULT_POSITIVE = "comics"

#: What each score is called.
SCORE_LABELS = {
    "f_score": "F-score",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "brier_score": "Brier score",
    "log_loss": "log loss",
}


def score_predictions(
    y_true: Any,
    y_pred: Any,
    y_proba: Any,
    groups: Any,
    *,
    classes: Any,
    positive: Hashable | None = None,
    random_state: Any = None,
) -> dict[str, ScoreInterval]:
    """Compute all scores that can be computed, with their 95 % intervals.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_images,)
        The true labels, and those that the classifier gave.
    y_proba : array-like of shape (n_images, n_classes) or None
        Its probabilities; None if it has none.
    groups : array-like of shape (n_images,) or None
        As for `score_interval`.
    classes : array-like of shape (n_classes,)
        The labels that the classifier knows, in the order of its probabilities.
    positive : label, default=None
        As for `score_interval`.
    random_state : int, Generator or None, default=None
        As for `score_interval`.

    Returns
    -------
    intervals : dict of str to ScoreInterval
        Scores of probabilities only where there are some; those of rankings only where there are
        images of every class. Of images of one class, or where none is of the positive one,
        there is no precision, recall and F-score.
    """
    options = {"positive": positive, "random_state": random_state}
    if positive is None and len(classes) == 2:
        options["positive"] = classes[1]
    present = set(np.unique(y_true).tolist())
    # The shares of a class say nothing of images of one class, or of others than that.
    are_told_apart = len(present) > 1 and options["positive"] in (None, *present)
    scores: dict[str, ScoreInterval] = {
        score: score_interval(y_true, y_pred, groups, score=score, **options)
        for score in (LABEL_SCORES if are_told_apart else ("accuracy",))
    }
    has_all = len(np.unique(y_true)) == len(classes)
    for score in PROBABILITY_SCORES if y_proba is not None else ():
        if has_all or score not in RANKING_SCORES:
            scores[score] = score_interval(
                y_true, y_proba, groups, score=score, classes=classes, **options
            )
    return scores


def describe_scores(
    scores: dict[str, ScoreInterval], y_true: Any, y_pred: Any, classes: Any
) -> dict[str, Any]:
    """Make plain data of scores, for tables and files.

    Parameters
    ----------
    scores : dict of str to ScoreInterval
        Of `score_predictions`.
    y_true, y_pred, classes
        As given there.

    Returns
    -------
    description : dict
        The number of images, `n`, each score, `interval` with the limits of each, and
        `confusion` (a row for each true class).
    """
    return {
        "n": len(y_true),
        **{name: interval.score for name, interval in scores.items()},
        "interval": {name: [each.low, each.high] for name, each in scores.items()},
        "confusion": confusion_matrix(y_true, y_pred, labels=classes).tolist(),
    }


def tabulate_answers(
    images: pd.DataFrame, predicted: Any, probabilities: Any, classes: Any
) -> pd.DataFrame:
    """Make a table of images and answers.

    Parameters
    ----------
    images : DataFrame
        With columns `path`, `label` and `pair`.
    predicted : array-like of shape (n_images,)
        Labels.
    probabilities : array-like of shape (n_images, n_classes) or None
        Of the classes.
    classes : array-like of shape (n_classes,)
        Their labels.

    Returns
    -------
    answers : DataFrame
        These columns, `predicted`, and, if there are probabilities, one for each class, such as
        `probability_comics`.
    """
    answers = images[["path", "label", "pair"]].reset_index(drop=True)
    answers["predicted"] = np.asarray(predicted)
    if probabilities is not None:
        for column, label in enumerate(classes):
            answers[f"{PROBABILITY}{label}"] = np.asarray(probabilities)[:, column]
    return answers


def choose_positive(classes: list[Any], positive: Any) -> Any:
    """Choose the class that scores are of.

    Parameters
    ----------
    classes : list
        Sorted.
    positive : label or None
        What the user has chosen.

    Returns
    -------
    positive : label or None
        "comics" or the second, of two; None of more.

    Raises
    ------
    ValueError
        If there is no such class.
    """
    if positive is not None:
        if isinstance(positive, str):
            positive = normalize(positive)
        if positive not in classes:
            raise ValueError(f"positive={positive!r} is not one of the classes {classes}")
        return positive
    if len(classes) != 2:
        return None
    return DEFAULT_POSITIVE if DEFAULT_POSITIVE in classes else classes[1]
