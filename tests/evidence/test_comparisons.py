"""Differences of two classifiers on the same images."""

import numpy as np
import pytest
from scipy.stats import binomtest

from skcomic import compare_paired, score_interval
from skcomic.evidence.label_scores import LABEL_SCORES

Y = np.tile(["a", "b"], 50)
PAIRS = np.arange(100) // 2


def with_errors(*images: int) -> np.ndarray:
    answers = Y.copy()
    for image in images:
        answers[image] = "b" if answers[image] == "a" else "a"
    return answers


@pytest.mark.parametrize("score", LABEL_SCORES)
def test_the_difference_is_that_of_the_scores(score: str) -> None:
    one, other = with_errors(3, 8), with_errors(3, 10, 11, 20, 31, 42, 53, 64, 75)
    comparison = compare_paired(Y, one, other, PAIRS, score=score)
    expected = (
        score_interval(Y, one, score=score).score - score_interval(Y, other, score=score).score
    )
    assert comparison.difference == pytest.approx(expected)
    assert comparison.low < comparison.difference < comparison.high
    reverse = compare_paired(Y, other, one, PAIRS, score=score)
    assert reverse[:3] == pytest.approx((-expected, -comparison.high, -comparison.low))
    assert (reverse.n_better, reverse.n_worse) == (comparison.n_worse, comparison.n_better)
    assert reverse.p_value == pytest.approx(comparison.p_value)


def test_mcnemars_test_counts_pairs() -> None:
    one, other = with_errors(3, 8), with_errors(3, 10, 11, 20, 30, 40, 50)
    comparison = compare_paired(Y, one, other, PAIRS)
    # Pair 5 has two images that the one has right and the other wrong: it counts once.
    assert (comparison.n_better, comparison.n_worse) == (5, 1)
    assert comparison.p_value == pytest.approx(binomtest(1, 6).pvalue)
    alone = compare_paired(Y, one, other)
    assert (alone.n_better, alone.n_worse) == (6, 1)


def test_answers_that_agree_are_compared_more_closely() -> None:
    shared = (2, 13, 24, 35, 46, 57)
    alike = compare_paired(Y, with_errors(*shared), with_errors(*shared, 60, 71), PAIRS)
    apart = compare_paired(
        Y, with_errors(*shared), with_errors(60, 71, 82, 93, 4, 15, 26, 37), PAIRS
    )
    assert alike.difference == pytest.approx(apart.difference, abs=1e-3)
    assert alike.high - alike.low < 0.8 * (apart.high - apart.low)
    assert alike.standard_error < 0.6 * apart.standard_error


def test_equal_answers_do_not_differ() -> None:
    same = compare_paired(Y, with_errors(2), with_errors(2), PAIRS)
    assert (same.difference, same.standard_error, same.p_value) == (0, 0, 1)
    assert same.low <= 0 <= same.high
    assert same.describe("x", "y").startswith(
        "x and y have the same F-score; with 100 images anything from -0."
    )
    right = compare_paired(Y, Y, Y, PAIRS)
    assert (right.low, right.high) == pytest.approx((-0.036, 0.036), abs=2e-3)


def test_sentences_claim_no_more_than_the_images_allow() -> None:
    few = compare_paired(Y, with_errors(2), with_errors(3, 10), PAIRS)
    assert few.describe("x", "y", "F") == (
        f"x has {few.difference:.3f} more F than y; with 100 images anything from {few.low:+.3f} "
        f"to {few.high:+.3f} is possible"
    )
    many = compare_paired(Y, with_errors(*range(0, 80, 3)), Y, PAIRS)
    assert many.high < 0
    assert many.describe("x", "y") == (
        f"x has {-many.difference:.3f} less F-score than y ({many.low:+.3f} to {many.high:+.3f}, "
        "from 100 images)"
    )


def test_intervals_hold_the_true_difference() -> None:
    random = np.random.default_rng(0)
    y, pairs = np.tile([0, 1], 30), np.repeat(np.arange(30), 2)
    held = 0
    for _ in range(500):
        luck = random.random(60)
        together = np.repeat(random.random(30) < 0.5, 2)
        luck = np.where(together, np.repeat(luck[::2], 2), luck)
        other = np.where(random.random(60) < 0.9, luck, random.random(60))
        comparison = compare_paired(
            y, np.where(luck < 0.02, 1 - y, y), np.where(other < 0.05, 1 - y, y), pairs
        )
        held += comparison.low <= 0.03 <= comparison.high
    assert held / 500 >= 0.94
