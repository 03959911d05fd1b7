"""Which contender is chosen, and which are not trained further."""

import numpy as np
import pandas as pd
import pytest

from skcomic.study.choice import (
    choose,
    drop_all_but_best,
    drop_surpassed,
    exclude_over_limit,
    find_sufficient,
)
from skcomic.study.comparison import Comparison
from skcomic.study.settings import StudySettings

TABLE = pd.DataFrame(
    {
        "net": ["best", "good", "cheap", "poor", "failed"],
        "validation_f_score": [0.95, 0.949, 0.948, 0.7, np.nan],
        "cpu_seconds": [9.0, 5.0, 4.0, 1.0, np.nan],
        "predict_ms": [1.0, 3.0, 5.0, 0.5, np.nan],
        "model_bytes": [np.nan, 2000, 90_000, 1000, np.nan],
        "activation_bytes": [400_000, 40_000, 30_000, 4000, np.nan],
        "multiply_adds": [8, np.nan, np.nan, np.nan, np.nan],
        "parameters": [10, np.nan, np.nan, 3, np.nan],
        "failure": [np.nan] * 4 + ["killed"],
        "excluded": [np.nan] * 5,
    }
)


def chosen(**settings) -> str:
    settings = StudySettings(**{"tolerance": 0.005, **settings})
    comparison = Comparison([], exclude_over_limit(TABLE, settings), [], pd.DataFrame())
    return TABLE.net[choose(comparison, settings)]


def test_the_choice_depends_on_the_cost_and_on_the_limits() -> None:
    assert chosen() == "cheap"
    assert chosen(cost="predict_ms") == "best"
    assert chosen(cost="model_bytes") == "good"
    assert chosen(cost="multiply_adds") == "best"  # what was not counted is not cheaper
    assert chosen(max_predict_ms=4) == "good"
    assert chosen(max_predict_ms=0.9) == "poor"
    assert chosen(max_model_kb=50) == "good"
    assert chosen(max_ram_kb=4) == "poor"
    assert chosen(max_fit_seconds=3, max_predict_ms=2) == "poor"


def test_the_reasons_of_exclusions() -> None:
    settings = StudySettings(max_predict_ms=4, max_model_kb=50)
    assert exclude_over_limit(TABLE, settings).excluded.fillna("").tolist() == [
        "its model_bytes is not known, at most 50 is allowed (max_model_kb)",
        "",
        "a prediction takes 5 ms, at most 4 is allowed (max_predict_ms)",
        "",
        "",
    ]
    with pytest.raises(ValueError, match=r"no contender is within max_fit_seconds=0\.5: the low"):
        exclude_over_limit(TABLE, StudySettings(max_fit_seconds=0.5))


def test_all_but_the_best_are_dropped() -> None:
    table = drop_all_but_best(exclude_over_limit(TABLE, StudySettings()), 2, n_rounds=1)
    assert table.excluded.fillna("").tolist() == [
        "", "", "dropped after round 1: rank 3 of 5", "dropped after round 1: rank 4 of 5", "",
    ]  # fmt: skip
    excluded = exclude_over_limit(TABLE, StudySettings(max_fit_seconds=8))
    table = drop_all_but_best(excluded, 2, n_rounds=1)
    assert table.net[table.excluded.isna() & table.failure.isna()].tolist() == ["good", "cheap"]


def test_only_what_another_of_its_kind_surpasses_for_half_the_cost_is_dropped() -> None:
    table = pd.DataFrame(
        {
            "net": ["costly", "better", "half", "linear", "worse", "equal"],
            "validation_f_score": [0.6, 0.9, 0.6, 0.95, 0.5, 0.6],
            "cpu_seconds": [9.0, 9.0, 4.5, 0.1, 4.5, 5.0],
            "epochs": [25, 25, 12, np.nan, 12, 12],
            "failure": [np.nan] * 6,
            "excluded": [np.nan] * 6,
        }
    )
    dropped = drop_surpassed(table, "cpu_seconds", n_rounds=1).excluded.dropna()
    assert dropped.to_dict() == {0: "dropped after round 1: half is as good for half the cost"}
    half = table.assign(excluded=[np.nan] * 2 + ["too large"] + [np.nan] * 3)
    assert drop_surpassed(half, "cpu_seconds", 1).excluded.dropna().to_dict() == {2: "too large"}


def test_what_no_score_can_put_ahead_is_not_trained() -> None:
    def reason(table: pd.DataFrame = TABLE, **settings) -> str | None:
        return find_sufficient(table, StudySettings(**{"tolerance": 0.005, **settings}))

    assert reason() is None
    assert reason(tolerance=0.04) is None
    assert reason(tolerance=0.05) == (
        "not trained: best takes less work and has a validation F-score of 0.950, so that none "
        "can be better by more than 0.05"
    )
    assert "good takes less" in reason(tolerance=0.06, max_fit_seconds=6)
    assert reason(tolerance=0.05, max_fit_seconds=6) is None
    assert reason(tolerance=0.05, cost="predict_ms") is None  # what trains longer may predict fast
    assert reason(TABLE[4:], tolerance=0.5) is None  # all have failed
    assert reason(TABLE[1:], tolerance=0.5, cost="multiply_adds") is None  # not counted
