"""Answering only what one is sure of."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict, train_test_split

from skcomic import AbstentionDisplay
from skcomic.evidence.abstention import abstention_curve, choose_threshold

TRUE = ["a", "b", "b", "c"]
PROBABILITIES = [[0.9, 0.1, 0.0], [0.4, 0.6, 0.0], [0.7, 0.2, 0.1], [0.2, 0.2, 0.6]]


def test_the_curve_counts_what_is_answered() -> None:
    curve = abstention_curve(TRUE, PROBABILITIES, ["a", "b", "c"])
    # Two have the same probability, so that both are answered or none.
    assert curve.threshold.tolist() == [0.6, 0.7, 0.9]
    assert curve.answered.tolist() == [1.0, 0.5, 0.25]
    assert curve.accuracy.tolist() == [0.75, 0.5, 1.0]
    assert choose_threshold(curve, 0.7) == 0.6
    assert choose_threshold(curve, 0.8) == 0.9
    assert choose_threshold(curve[:2], 0.8) is None
    with pytest.raises(ValueError, match="there are no images to answer"):
        abstention_curve([], np.empty((0, 2)), ["a", "b"])


def test_a_wanted_accuracy_holds_on_other_images() -> None:
    accuracies = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        labels = random.integers(0, 2, 900)
        rows = random.normal(0, 1, (900, 3)) + 1.2 * labels[:, np.newaxis]
        X, X_test, y, y_test = train_test_split(rows, labels, test_size=600, random_state=seed)
        linear = LogisticRegression().fit(X, y)
        held_out = cross_val_predict(linear, X, y, method="predict_proba")
        threshold = choose_threshold(abstention_curve(y, held_out, [0, 1]), 0.97)
        is_answered = linear.predict_proba(X_test).max(axis=1) >= threshold
        right = linear.predict(X_test)[is_answered] == y_test[is_answered]
        assert 0.1 < is_answered.mean() < 0.95
        accuracies.append(right.mean())
    assert abs(np.mean(accuracies) - 0.97) < 0.02


def test_the_display_shows_the_curve_and_the_choice() -> None:
    display = AbstentionDisplay.from_predictions(
        TRUE, PROBABILITIES, classes=["a", "b", "c"], wanted=0.95
    ).plot()
    curve, wanted = display.ax_.lines
    assert curve.get_xdata().tolist() == [1.0, 0.5, 0.25]
    assert curve.get_ydata().tolist() == [0.75, 0.5, 1.0]
    assert list(wanted.get_ydata()) == [0.95, 0.95]
    study = {
        "wanted": 0.9,
        "curve": [{"answered": 1.0, "accuracy": 0.75}, {"answered": 0.5, "accuracy": 0.5}],
        "test": {"answered": 0.5, "accuracy": 0.5},
    }
    display = AbstentionDisplay.from_study(study).plot()
    assert display.chosen == (0.5, 0.5)
    assert [*map(float, display.ax_.lines[2].get_xdata())] == [0.5]
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == ["test images", "wanted: 0.9", "chosen threshold"]
