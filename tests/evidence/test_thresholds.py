"""The threshold of the highest F-score."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from skcomic.evidence.thresholds import tune_threshold


@pytest.mark.slow
def test_no_other_threshold_has_a_higher_f_score() -> None:
    random = np.random.default_rng(0)
    y_true = random.choice(["a", "b"], 200, p=[0.8, 0.2])
    probability = np.clip(0.3 * (y_true == "b") + random.normal(0.2, 0.15, 200), 0, 1)
    threshold = tune_threshold(y_true, probability, "b")

    def f_score(at: float) -> float:
        return f1_score(y_true == "b", probability >= at)

    assert f_score(threshold) == pytest.approx(max(map(f_score, np.linspace(0, 1, 1001))))
    assert f_score(threshold) > f_score(0.5) + 0.05


def test_of_equally_good_ones_it_is_near_a_half() -> None:
    assert tune_threshold([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1], 1) == pytest.approx(0.5)
    assert tune_threshold([1, 1, 0, 0], [0.4, 0.35, 0.2, 0.1], 1) == pytest.approx(0.275)
