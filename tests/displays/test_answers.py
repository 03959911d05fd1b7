"""The figures of the answers of one classifier."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from skcomic.displays.answers import answers_size, draw_answers


def draw(y_true, y_proba, **options):
    figure = Figure(figsize=answers_size(y_proba.shape[1]), layout="constrained")
    draw_answers(figure, y_true, y_proba, **options)
    return figure.axes


def test_the_panels_hold_the_answers() -> None:
    y_true = np.array(["a", "b", "b", "a"])
    y_proba = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.8, 0.2]])
    confusion, roc, recall, reliability = draw(y_true, y_proba, classes=["a", "b"], positive="b")
    assert sorted(text.get_text() for text in confusion.texts) == ["0", "1", "1", "2"]
    assert roc.get_legend().get_texts()[0].get_text() == "b (AUC = 1.00)"
    assert recall.get_legend().get_texts()[0].get_text().startswith("b (AP = 1.00)")
    ideal, curve = reliability.lines
    assert list(ideal.get_xdata()) == [0.5, 1]
    assert curve.get_xdata() == pytest.approx([0.6, 0.7, 0.8, 0.9])
    assert list(curve.get_ydata()) == [1, 0, 1, 1]


def test_several_classes_have_a_curve_each() -> None:
    y_true = np.array(["a", "b", "c"] * 4)
    y_proba = np.random.default_rng(0).dirichlet([1, 1, 1], 12)
    _, roc, recall, _ = draw(y_true, y_proba, classes=["a", "b", "c"])
    for ax in (roc, recall):
        names = [text.get_text()[0] for text in ax.get_legend().get_texts()]
        assert names == ["a", "b", "c"]
    # A class without images has none.
    _, roc, *_ = draw(y_true[y_true != "c"], y_proba[y_true != "c"], classes=["a", "b", "c"])
    assert len(roc.lines) == 2
