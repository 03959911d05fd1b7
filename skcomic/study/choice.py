"""What a study chooses of what it has compared, and why not the others."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skcomic.selection.scoring import select_parsimonious
from skcomic.study.settings import StudySettings


class _Limit(NamedTuple):
    """A limit of what a contender may cost: its setting, the column and the unit of that."""

    setting: str
    column: str
    bytes_or_seconds: float
    text: str


_LIMITS = (
    _Limit("max_predict_ms", "predict_ms", 1, "a prediction takes {:.3g} ms"),
    _Limit("max_model_kb", "model_bytes", 1000, "the saved model takes {:.4g} kB"),
    _Limit("max_fit_seconds", "cpu_seconds", 1, "training took {:.3g} CPU seconds"),
)


def exclude_over_limit(table: pd.DataFrame, settings: StudySettings) -> pd.DataFrame:
    """Note which contenders cost more than the user allows.

    Parameters
    ----------
    table : DataFrame
        Of `Comparison`.
    settings : StudySettings
        The limits are of use here.

    Returns
    -------
    table : DataFrame
        With the reasons in a column `excluded`; NaN where there is none.

    Raises
    ------
    ValueError
        If all contenders are over a limit; the message has the lowest of their costs.
    """
    excluded: pd.Series[Any] = pd.Series(np.nan, index=table.index, dtype=object)
    for limit in _LIMITS:
        highest = getattr(settings, limit.setting)
        if highest is None:
            continue
        costs = table[limit.column].astype(float) / limit.bytes_or_seconds
        for row in costs.index[(excluded.isna() & table.failure.isna()) & ~(costs <= highest)]:
            what = limit.text.format(costs[row])
            if np.isnan(costs[row]):
                what = f"its {limit.column} is not known"
            excluded[row] = f"{what}, at most {highest:g} is allowed ({limit.setting})"
        if not (excluded.isna() & table.failure.isna()).any():
            raise ValueError(
                f"no contender is within {limit.setting}={highest:g}"
                + ("" if costs.isna().all() else f": the lowest has {costs.min():.3g}")
                + "; raise the limit"
            )
    return table.assign(excluded=excluded)


def choose(table: pd.DataFrame, settings: StudySettings) -> int:
    """Choose the cheapest among the best of those that are not excluded.

    Parameters
    ----------
    table : DataFrame
        Of `exclude_over_limit`.
    settings : StudySettings
        Cost and tolerance are of use here.

    Returns
    -------
    row : int
        The position of the choice.
    """
    f_score = table.validation_f_score.where(table.excluded.isna())
    results = {
        "mean_test_f_score": f_score.to_numpy(float),
        f"mean_test_{settings.cost}": table[settings.cost].astype(float),
        "mean_test_parameters": table.parameters.astype(float),
    }
    return select_parsimonious(settings.tolerance, settings.cost)(results)


def select_best(table: pd.DataFrame, n_best: int) -> np.ndarray:
    """Select the contenders of the highest validation F-scores.

    Parameters
    ----------
    table : DataFrame
        Of `exclude_over_limit`.
    n_best : int
        How many.

    Returns
    -------
    selected : ndarray of shape (n_contenders,), bool
        True for each that is selected; of equal ones for the first.
    """
    best = np.argsort(-_f_scores(table), kind="stable")[:n_best]
    return np.isin(np.arange(len(table)), best) & np.isfinite(_f_scores(table))


def is_undominated(table: pd.DataFrame, cost: str) -> np.ndarray:
    """Tell for which contenders no other is as good or better for less cost.

    Parameters
    ----------
    table : DataFrame
        Of `exclude_over_limit`.
    cost : str
        A column of the table.

    Returns
    -------
    undominated : ndarray of shape (n_contenders,), bool
        False for one that failed or is excluded.
    """
    f_scores = _f_scores(table)
    costs = table[cost].astype(float).fillna(np.inf).to_numpy()
    better = (f_scores >= f_scores[:, np.newaxis]) & (costs < costs[:, np.newaxis])
    return ~better.any(axis=1) & np.isfinite(f_scores)


def _f_scores(table: pd.DataFrame) -> np.ndarray:
    """Return validation F-scores, minus infinity of what cannot be chosen."""
    scores = table.validation_f_score.where(table.excluded.isna()).to_numpy(float)
    return np.nan_to_num(scores, nan=-np.inf)
