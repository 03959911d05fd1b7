"""Whether probabilities mean what they say."""

import numpy as np
import pytest

from skcomic.evidence.calibration import calibration_bins, calibration_error


def test_bins_hold_confidence_and_accuracy() -> None:
    probabilities = [[0.95, 0.05], [0.07, 0.93], [0.6, 0.4], [0.3, 0.7], [1.0, 0.0]]
    bins = calibration_bins(["a", "a", "a", "b", "a"], probabilities, ["a", "b"])
    assert bins.n.tolist() == [1, 1, 3]
    assert bins.confidence.tolist() == pytest.approx([0.6, 0.7, 0.96])
    assert bins.accuracy.tolist() == pytest.approx([1, 1, 2 / 3])
    assert calibration_error(bins) == pytest.approx((0.4 + 0.3 + 3 * (0.96 - 2 / 3)) / 5)


def test_true_probabilities_have_no_error() -> None:
    random = np.random.default_rng(0)
    chances = random.random(20_000)
    y_true = (random.random(20_000) < chances).astype(int)
    probabilities = np.stack([1 - chances, chances], axis=1)
    assert calibration_error(calibration_bins(y_true, probabilities, [0, 1])) < 0.02
    too_sure = np.clip(1.5 * (probabilities - 0.5) + 0.5, 0, 1)
    assert calibration_error(calibration_bins(y_true, too_sure, [0, 1])) > 0.07
