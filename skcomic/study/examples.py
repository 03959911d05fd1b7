"""Images that a person should look at: labels that look wrong, mistakes, typical ones."""

from typing import Any

import numpy as np
import pandas as pd

from skcomic.evidence.suspects import describe_answers, rank_suspects
from skcomic.study.evaluation import Answers

_MAX_SUSPECTS = 20
_MAX_MISTAKES = 12
_TYPICAL_OF_CLASS = 4


def list_suspects(
    answers: Answers, images: pd.DataFrame, classes: np.ndarray
) -> list[dict[str, Any]] | None:
    """List the images whose labels look wrong.

    Parameters
    ----------
    answers : Answers
        Of fits that were not trained on the image.
    images : DataFrame
        With columns `path` and `label`.
    classes : ndarray of shape (n_classes,)
        All labels, sorted.

    Returns
    -------
    suspects : list of dict or None
        As `suspect_labels` in `Study`.
    """
    if answers.probabilities is None:
        return None
    suspects = rank_suspects(images, answers.probabilities, classes)
    return _list(suspects.head(_MAX_SUSPECTS))


def list_examples(
    answers: Answers, test: pd.DataFrame, classes: np.ndarray
) -> list[dict[str, Any]] | None:
    """List the most confident mistakes, and the most typical images of each class.

    Parameters
    ----------
    answers : Answers
        For the test images.
    test : DataFrame
        With columns `path` and `label`.
    classes : ndarray of shape (n_classes,)
        All labels, sorted.

    Returns
    -------
    examples : list of dict or None
        As in `Study`.
    """
    if answers.probabilities is None:
        return None
    described = describe_answers(test, answers.probabilities, classes)
    described["is_mistake"] = described.label != described.predicted
    by_probability = described.sort_values("probability", kind="stable")
    mistakes = by_probability[by_probability.is_mistake].head(_MAX_MISTAKES)
    right = by_probability[~by_probability.is_mistake][::-1]
    typical = (
        right.groupby("label", sort=True)
        .head(_TYPICAL_OF_CLASS)
        .sort_values("label", kind="stable")
    )
    return _list(pd.concat([mistakes, typical]))


def _list(answers: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in answers.to_dict("records")]
