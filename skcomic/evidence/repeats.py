"""One score of several tests: how much of it is the luck of a split and a seed."""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from skcomic.evidence.intervals import ScoreInterval, score_interval


class RepeatedScore(NamedTuple):
    """The F-score of a classifier that was trained and tested several times.

    Parameters
    ----------
    scores : ndarray of shape (n_tests,)
        Of each test.
    mean : float
        Their mean.
    standard_deviation : float
        Their spread.
    low, high : float
        The limits of the interval of the mean.
    """

    scores: np.ndarray
    mean: float
    standard_deviation: float
    low: float
    high: float


def score_repeats(
    tests: Sequence[pd.DataFrame],
    n_train: int,
    *,
    positive: Hashable | None = None,
    level: float = 0.95,
    random_state: Any = None,
) -> RepeatedScore:
    """Compute the mean F-score over tests, each of another split and another seed.

    Parameters
    ----------
    tests : sequence of DataFrame
        Two or more, each with a row for each image: its `path`, `label` and `pair`, and what was
        `predicted` by a classifier that was trained on no image of the pair.
    n_train : int
        How many images each was trained on.
    positive, level, random_state
        As for `score_interval`.

    Returns
    -------
    repeated : RepeatedScore
        The interval holds the luck of the split, of the seed and of the images.

    Notes
    -----
    The interval is that of Nadeau & Bengio, "Inference for the Generalization Error" (2003): of
    Student's t, with a variance that takes into account that the training images of the repeats
    are partly the same. Where the repeats are more alike than chance allows, as without any error
    or with a test that is the same each time, the interval of one answer for each image is wider:
    the limits are the outer ones of the two.
    """
    options: Any = {"positive": positive, "level": level, "random_state": random_state}

    def score(answers: pd.DataFrame) -> ScoreInterval:
        return score_interval(answers.label, answers.predicted, answers.pair, **options)

    pooled = score(pd.concat(tests).drop_duplicates("path"))
    scores = np.array([score(test).score for test in tests])
    n_test = np.mean([len(test) for test in tests])
    variance = scores.var(ddof=1)
    error = np.sqrt((1 / len(tests) + n_test / n_train) * variance)
    reach = stats.t.ppf((1 + level) / 2, len(tests) - 1) * error
    mean = float(scores.mean())
    low, high = min(mean - reach, pooled.low), max(mean + reach, pooled.high)
    return RepeatedScore(
        scores, mean, float(np.sqrt(variance)), float(max(low, 0.0)), float(min(high, 1.0))
    )
