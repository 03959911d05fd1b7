"""Intervals of scores: their values, their width, and that they hold the truth."""

from inspect import signature

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from skcomic import score_interval
from skcomic.evidence.bootstrap import bca_limits, find_kinds
from skcomic.evidence.label_scores import LABEL_SCORES, group_score
from skcomic.evidence.probability_scores import PROBABILITY_SCORES

# Before scipy 1.15 it was called otherwise.
_NAME = "rng" if "rng" in signature(bootstrap).parameters else "random_state"
SEED = {_NAME: np.random.default_rng(1)}

METRICS = {
    "accuracy": accuracy_score,
    "f_score": f1_score,
    "precision": precision_score,
    "recall": recall_score,
}


def draw(n_images: int, n_classes: int, seed: int = 0, error: float = 0.2):
    random = np.random.default_rng(seed)
    labels = np.array(["a", "b", "c", "d"])[:n_classes]
    y_true = random.choice(labels, n_images)
    wrong = random.random(n_images) < error
    return y_true, np.where(wrong, random.choice(labels, n_images), y_true)


@pytest.mark.parametrize("score", LABEL_SCORES)
@pytest.mark.parametrize(("n_classes", "average"), [(2, "binary"), (4, "macro")])
def test_the_score_is_that_of_scikit_learn(score: str, n_classes: int, average: str) -> None:
    y_true, y_pred = draw(80, n_classes)
    groups = np.arange(80) // 2
    options = {} if score == "accuracy" else {"average": average}
    if average == "binary" and options:
        options["pos_label"] = "b"
    expected = METRICS[score](y_true, y_pred, **options)
    interval = score_interval(y_true, y_pred, groups, score=score, random_state=0)
    assert interval.score == pytest.approx(expected)
    assert interval.low < interval.score < interval.high
    assert (interval.n_images, interval.n_groups) == (80, 40)
    # Groups that count several times are as many groups.
    weights = np.random.default_rng(0).integers(0, 3, 40)
    often = np.repeat(np.arange(80), np.repeat(weights, 2))
    expected = METRICS[score](y_true[often], y_pred[often], **options)
    assert group_score(y_true, y_pred, groups, score, None).value(weights) == (
        pytest.approx(expected)
    )


def test_the_positive_class_is_the_one_that_is_named() -> None:
    y_true, y_pred = ["a", "b", "a", "b", "a"], ["a", "b", "b", "b", "b"]
    assert score_interval(y_true, y_pred, score="recall").score == 1
    assert score_interval(y_true, y_pred, score="recall", positive="a").score == pytest.approx(
        1 / 3
    )
    assert score_interval([0, 1, 1], [0, 1, 0], score="recall", positive=1).score == 0.5


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_shares_of_independent_images_have_wilsons_interval(level: float) -> None:
    y_true, y_pred = draw(60, 2)
    right = int((y_true == y_pred).sum())
    expected = binomtest(right, 60).proportion_ci(level, method="wilson")
    interval = score_interval(y_true, y_pred, score="accuracy", level=level)
    # Two images of which both or none are right are no more than independent: 1 is the least.
    assert interval[1:3] == pytest.approx((expected.low, expected.high), abs=2e-3)


def test_images_that_err_together_count_as_one() -> None:
    y_true, y_pred = draw(40, 2)
    alone = score_interval(y_true, y_pred)
    twice = score_interval(np.repeat(y_true, 2), np.repeat(y_pred, 2), np.arange(80) // 2)
    assert twice.score == alone.score
    assert twice[1:3] == pytest.approx(alone[1:3], abs=0.01)
    as_if_apart = score_interval(np.repeat(y_true, 2), np.repeat(y_pred, 2))
    assert as_if_apart.high - as_if_apart.low < 0.8 * (alone.high - alone.low)


def test_no_error_is_no_certainty() -> None:
    y = np.tile(["a", "b"], 30)
    assert score_interval(y, y)[:3] == pytest.approx((1, 0.940, 1), abs=1e-3)
    several = np.tile(["a", "b", "c"], 20)
    assert score_interval(several, several)[:3] == pytest.approx((1, 0.940, 1), abs=1e-3)
    absent = score_interval(["a"] * 5, ["a"] * 5, score="recall", positive="a")
    assert absent.low == pytest.approx(0.566, abs=1e-3)
    none_found = score_interval(["a", "b"], ["a", "a"], score="precision", positive="b")
    assert none_found[:3] == (0, 0, 1)


def test_macro_averages_have_the_interval_of_scipys_bootstrap() -> None:
    y_true, y_pred = draw(200, 3)
    grouped = group_score(y_true, y_pred, np.arange(200) // 2, "f_score", None)

    def macro(index: np.ndarray, axis: int) -> np.ndarray:
        above = grouped.numerators[index].sum(axis=axis - 1)
        below = grouped.denominators[index].sum(axis=axis - 1)
        return (2 * above / (above + below)).mean(axis=-1)

    expected = bootstrap((np.arange(100),), macro, n_resamples=9999, **SEED).confidence_interval
    interval = score_interval(y_true, y_pred, np.arange(200) // 2, random_state=0)
    assert interval[1:3] == pytest.approx((expected.low, expected.high), abs=4e-3)
    again = score_interval(y_true, y_pred, np.arange(200) // 2, random_state=0)
    assert again == interval


def test_groups_that_are_alike_are_drawn_together() -> None:
    table = np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0], [1.0, 2.0]])
    first, counts = find_kinds(table[:, :1], table[:, 1:])
    assert table[first].tolist() == [[0, 1], [1, 2]]
    assert counts.tolist() == [1, 3]
    low, high = bca_limits(
        lambda weights: weights.sum(axis=1), counts, 0.95, np.random.default_rng(0)
    )
    assert low == high == 4


def test_groups_of_many_kinds_are_left_out_by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    counts = random.integers(1, 4, 600)
    values = random.exponential(size=600)
    scored = []

    def score(weights: np.ndarray) -> np.ndarray:
        scored.append(weights)
        return (weights @ values / weights.sum(axis=1)) ** 2  # skewed

    def limits() -> tuple[float, float]:
        scored.clear()
        return bca_limits(score, counts, 0.95, np.random.default_rng(1))

    exact = limits()
    assert len(scored[-1]) == 600
    monkeypatch.setattr("skcomic.evidence.bootstrap._MAX_LEFT_OUT", 100)
    low, high = limits()
    left_out = counts - scored[-1]
    assert len(left_out) == 100
    assert left_out.sum(axis=0).tolist() == counts.tolist()  # each group, once
    assert np.ptp(left_out.sum(axis=1)) <= 1
    width = exact[1] - exact[0]
    assert (low, high) == pytest.approx(exact, abs=width / 50)
    monkeypatch.setattr("skcomic.evidence.bootstrap._MAX_WEIGHTS", 600 * 2000)
    assert limits() == pytest.approx(exact, abs=width / 10)
    assert sum(map(len, scored)) == 2000 + 1 + 100


@pytest.mark.parametrize("n_pairs", [30, 300])
@pytest.mark.parametrize("true", [0.8, 0.98])
def test_intervals_hold_the_true_f_score(n_pairs: int, true: float) -> None:
    random = np.random.default_rng(0)
    y, pairs = np.tile([0, 1], n_pairs), np.repeat(np.arange(n_pairs), 2)
    held = 0
    for _ in range(1000):
        wrong = random.random(2 * n_pairs) < 1 - true
        together = np.repeat(random.random(n_pairs) < 0.5, 2)
        wrong = np.where(together, np.repeat(wrong[::2], 2), wrong)
        interval = score_interval(y, np.where(wrong, 1 - y, y), pairs)
        held += interval.low <= true <= interval.high
    assert 0.92 <= held / 1000 <= 0.98


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((["a"], ["a"]), {"score": "auc"}, "score must be one of .*'f_score'.* not 'auc'"),
        ((["a"], ["a"]), {"positive": "z"}, r"positive='z' is not one of the classes \['a'\]"),
        ((["a"], ["a"]), {"level": 95}, "level must be between 0 and 1, not 95"),
        ((["a", "b"], ["a"]), {}, "inconsistent numbers of samples"),
        ((["a", "b"], ["a", "b"], [1]), {}, "inconsistent numbers of samples"),
        (([], []), {}, "there are no images to score"),
    ],
)
def test_what_cannot_be_scored_is_refused(arguments, options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score_interval(*arguments, **options)


# Scores of probabilities


def draw_probabilities(n_images: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    y_true, _ = draw(n_images, n_classes)
    random = np.random.default_rng(1)
    chances = random.random((n_images, n_classes)).round(1) + 0.05  # some of them equal
    chances += 0.5 * (y_true[:, np.newaxis] == np.unique(y_true))
    return y_true, chances / chances.sum(axis=1, keepdims=True)


def of_class(metric, y_true: np.ndarray, proba: np.ndarray, k: int) -> float:
    return metric(y_true == np.unique(y_true)[k], proba[:, k])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_of_probabilities_are_those_of_scikit_learn(n_classes: int) -> None:
    y_true, proba = draw_probabilities(60, n_classes)
    ks = [1] if n_classes == 2 else range(n_classes)
    expected = {
        "roc_auc": np.mean([of_class(roc_auc_score, y_true, proba, k) for k in ks]),
        "average_precision": np.mean(
            [of_class(average_precision_score, y_true, proba, k) for k in ks]
        ),
        "brier_score": np.sum([of_class(brier_score_loss, y_true, proba, k) for k in ks]),
        "log_loss": log_loss(y_true, proba),
    }
    groups = np.arange(60) // 2
    for score, value in expected.items():
        interval = score_interval(y_true, proba, groups, score=score, random_state=0)
        assert interval.score == pytest.approx(value), score
        assert interval.low < value < interval.high
        assert (interval.n_images, interval.n_groups) == (60, 30)
    if n_classes == 2:
        one_column = score_interval(y_true, proba[:, 1], groups, score="roc_auc", random_state=0)
        assert one_column == score_interval(y_true, proba, groups, score="roc_auc", random_state=0)


@pytest.mark.slow
@pytest.mark.parametrize("score", PROBABILITY_SCORES)
def test_probabilities_have_the_interval_of_scipys_bootstrap(score: str) -> None:
    y_true, proba = draw_probabilities(80, 2)
    pairs = np.arange(80).reshape(40, 2)
    metric = {
        "roc_auc": roc_auc_score,
        "average_precision": average_precision_score,
        "brier_score": brier_score_loss,
        "log_loss": log_loss,
    }[score]

    def of_pairs(index: np.ndarray) -> float:
        images = pairs[index].ravel()
        return metric(y_true[images] == "b", proba[images, 1])

    expected = bootstrap(
        (np.arange(40),), of_pairs, n_resamples=1999, vectorized=False, **SEED
    ).confidence_interval
    interval = score_interval(y_true, proba, np.arange(80) // 2, score=score, random_state=0)
    width = expected.high - expected.low
    assert interval[1:3] == pytest.approx((expected.low, expected.high), abs=0.12 * width)


def test_a_perfect_order_is_no_certainty() -> None:
    y_true = np.tile(["a", "b"], 30)
    interval = score_interval(y_true, (y_true == "b") * 0.8 + 0.1, score="roc_auc")
    assert interval[:3] == pytest.approx((1, 0.886, 1), abs=1e-3)


def test_nothing_is_known_from_one_pair() -> None:
    y_true, proba = np.array(["a", "b"]), np.array([[0.9, 0.1], [0.4, 0.6]])
    for score, highest in (("brier_score", 1), ("log_loss", 15.94)):
        interval = score_interval(y_true, proba, [0, 0], score=score)
        assert interval[1:3] == pytest.approx((0, highest), abs=0.01)
    assert score_interval(y_true, y_true, [0, 0]).low < 0.4


def test_probabilities_belong_to_classes() -> None:
    y_true, proba = draw_probabilities(40, 3)
    seen = y_true != "c"
    with pytest.raises(ValueError, match="3 columns of probabilities for the classes"):
        score_interval(y_true[seen], proba[seen], score="log_loss")
    interval = score_interval(
        y_true[seen], proba[seen], score="log_loss", classes=["a", "b", "c"], random_state=0
    )
    assert interval.score == pytest.approx(log_loss(y_true[seen], proba[seen], labels=list("abc")))
    with pytest.raises(ValueError, match=r"no probabilities of the classes \['c'\]"):
        score_interval(y_true, proba[:, :2], score="log_loss", classes=["a", "b"])
