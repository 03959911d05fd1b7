"""One score of several tests."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skcomic import score_interval
from skcomic.evidence.repeats import score_repeats

TRUTH, PAIRS = np.tile(["a", "b"], 50), np.repeat(np.arange(50), 2)


def with_errors(*errors: int) -> np.ndarray:
    predicted = TRUTH.copy()
    predicted[list(errors)] = np.where(TRUTH[list(errors)] == "a", "b", "a")
    return predicted


def answers(predicted: np.ndarray, name: str = "") -> pd.DataFrame:
    paths = [f"{name}{number}" for number in range(len(TRUTH))]
    given = {"path": paths, "label": TRUTH, "pair": PAIRS, "predicted": predicted}
    return pd.DataFrame(given)


def test_the_interval_is_that_of_nadeau_and_bengio() -> None:
    errors = [range(0, 30), range(5), range(0, 40, 2), range(12)]
    tests = [answers(with_errors(*each), str(i)) for i, each in enumerate(errors)]
    repeated = score_repeats(tests, 200, positive="b")
    scores = [score_interval(test.label, test.predicted, positive="b").score for test in tests]
    assert repeated.scores.tolist() == scores
    assert repeated.mean == pytest.approx(np.mean(scores))
    assert repeated.standard_deviation == pytest.approx(np.std(scores, ddof=1))
    reach = stats.t.ppf(0.975, 3) * np.std(scores, ddof=1) * np.sqrt(1 / 4 + 100 / 200)
    assert repeated.low == pytest.approx(np.mean(scores) - reach)
    assert repeated.high == min(1, np.mean(scores) + reach) == 1


def test_repeats_without_errors_are_not_certain() -> None:
    repeated = score_repeats([answers(TRUTH)] * 3, 200)
    assert (repeated.mean, repeated.standard_deviation, repeated.high) == (1, 0, 1)
    # The same pairs three times are no more than once.
    assert repeated.low == score_interval(TRUTH, TRUTH, PAIRS).low < 1
