"""What accuracy the choice has where it answers only what it is sure of."""

from typing import Any

import numpy as np
import pandas as pd

from skcomic.evidence.abstention import abstention_curve, choose_threshold
from skcomic.evidence.intervals import score_interval
from skcomic.study.evaluation import Answers
from skcomic.study.settings import StudySettings

_MAX_POINTS = 50


def measure_abstention(
    validated: Answers,
    images: pd.DataFrame,
    tested: Answers,
    test: pd.DataFrame,
    settings: StudySettings,
) -> dict[str, Any] | None:
    """Choose the threshold for a wanted accuracy on validation images, and test it.

    Parameters
    ----------
    validated : Answers
        Of fits that were not trained on the image.
    images : DataFrame
        These images, with columns `label` and `pair`.
    tested : Answers
        Of the last fit.
    test : DataFrame
        The test images.
    settings : StudySettings
        `abstain`, the accuracy that is wanted, is of use here.

    Returns
    -------
    abstention : dict or None
        As in `Study`.
    """
    if validated.probabilities is None or tested.probabilities is None:
        return None
    classes = np.unique(images.label)
    curve = abstention_curve(test.label, tested.probabilities, classes)
    points = np.unique(np.linspace(0, len(curve) - 1, _MAX_POINTS).round().astype(int))
    abstention: dict[str, Any] = {
        "wanted": settings.abstain,
        "threshold": None,
        "curve": [
            {"threshold": row[0], "answered": row[1], "accuracy": row[2]}
            for row in curve.iloc[points].to_numpy().tolist()
        ],
    }
    if settings.abstain is None:
        return abstention
    of_validation = abstention_curve(images.label, validated.probabilities, classes)
    threshold = choose_threshold(of_validation, settings.abstain)
    if threshold is None:
        return abstention
    (chosen,) = of_validation[of_validation.threshold == threshold].to_dict("records")
    is_answered = tested.probabilities.max(axis=1) >= threshold
    abstention |= {
        "threshold": threshold,
        "validation": {"answered": chosen["answered"], "accuracy": chosen["accuracy"]},
        "test": {"answered": float(is_answered.mean()), "accuracy": None, "interval": None},
    }
    if is_answered.any():
        answered = test[is_answered]
        score = score_interval(
            answered.label, tested.predicted[is_answered], answered.pair, score="accuracy"
        )
        abstention["test"] |= {"accuracy": score.score, "interval": [score.low, score.high]}
    return abstention


def describe_abstention(abstention: dict[str, Any] | None) -> str | None:
    """Say what comes of the wanted accuracy; None if none is wanted."""
    if abstention is None or abstention["wanted"] is None:
        return None
    wanted, threshold = abstention["wanted"], abstention["threshold"]
    if threshold is None:
        return (
            f"No share of the answers to the validation images has the wanted accuracy of "
            f"{wanted:g}: predictions are always given."
        )
    test = abstention["test"]
    begin = (
        f"Wanted is an accuracy of {wanted:g}: answers of a probability below {threshold:.3f} "
        f"are 'unsure'. On the test, {test['answered']:.1%} of the images are answered"
    )
    if test["accuracy"] is None:
        return f"{begin}."
    low, high = test["interval"]
    return f"{begin}, with an accuracy of {test['accuracy']:.3f} ({low:.3f} to {high:.3f})."
