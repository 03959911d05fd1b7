"""What a study chooses of what it has compared, and why not the others."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skcomic.evidence.comparisons import paired_difference
from skcomic.selection.costs import HOLDOUT_TOLERANCE, ONE_SE, Cost
from skcomic.selection.scoring import select_parsimonious
from skcomic.study.comparison import Comparison
from skcomic.study.settings import StudySettings


class _Limit(NamedTuple):
    """A limit of what a contender may cost: its setting, the column and the unit of that."""

    setting: str
    column: str
    bytes_or_seconds: float
    text: str


# Of these, what takes less work to train has less.
_TRAINING_COSTS: tuple[Cost, ...] = ("cpu_seconds", "wall_seconds", "multiply_adds")

_LIMITS = (
    _Limit("max_predict_ms", "predict_ms", 1, "a prediction takes {:.3g} ms"),
    _Limit("max_model_kb", "model_bytes", 1000, "the saved model takes {:.4g} kB"),
    _Limit("max_ram_kb", "activation_bytes", 1000, "a prediction needs {:.4g} kB of values"),
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
    for limit in _LIMITS:
        highest = getattr(settings, limit.setting)
        table = _exclude_over(table, limit, settings)
        if highest is not None and not _may_be_chosen(table).any():
            costs = table[limit.column].astype(float) / limit.bytes_or_seconds
            raise ValueError(
                f"no contender is within {limit.setting}={highest:g}"
                + ("" if costs.isna().all() else f": the lowest has {costs.min():.3g}")
                + "; raise the limit"
            )
    return table


def _exclude_over(table: pd.DataFrame, limit: _Limit, settings: StudySettings) -> pd.DataFrame:
    """Note which contenders cost more than one limit, where the user gives it."""
    costs = table[limit.column].astype(float)
    reasons = {row: _reason_over(cost, limit, settings) for row, cost in costs.items()}
    return _exclude(table, {row: reason for row, reason in reasons.items() if reason is not None})


def _reason_over(cost: float, limit: _Limit, settings: StudySettings) -> str | None:
    highest, cost = getattr(settings, limit.setting), cost / limit.bytes_or_seconds
    if highest is None or cost <= highest:
        return None
    what = limit.text.format(cost) if pd.notna(cost) else f"its {limit.column} is not known"
    return f"{what}, at most {highest:g} is allowed ({limit.setting})"


def is_over_limit(get_cost: Callable[[str], float], settings: StudySettings) -> bool:
    """Return whether a contender costs more than the user allows.

    Parameters
    ----------
    get_cost : callable
        Gives a cost of the contender by the name of its column.
    settings : StudySettings
        The limits are of use here.
    """
    return any(_reason_over(get_cost(each.column), each, settings) for each in _LIMITS)


def find_sufficient(table: pd.DataFrame, settings: StudySettings) -> str | None:
    """Find a contender that is so good that nothing of a higher cost can be chosen.

    Parameters
    ----------
    table : DataFrame
        Of `Comparison`, of contenders that take less work than those that are left.
    settings : StudySettings
        Cost, tolerance and limits are of use here.

    Returns
    -------
    reason : str or None
        Why none of those that are left need be trained. None if some may be chosen, or where the
        cost is none of training.
    """
    if settings.cost not in _TRAINING_COSTS or table.failure.notna().all():
        return None
    for limit in _LIMITS:
        table = _exclude_over(table, limit, settings)
    scores = _f_scores(table)
    best = int(np.argmax(scores))
    # No F-score is higher than 1.
    tolerance = 0.0 if settings.tolerance == ONE_SE else settings.tolerance
    assert isinstance(tolerance, int | float)
    if scores[best] < 1 - tolerance or np.isnan(table[settings.cost].iloc[best]):
        return None
    return (
        f"not trained: {table.net.iloc[best]} takes less work and has a validation F-score of "
        f"{scores[best]:.3f}, so that none can be better by more than {tolerance:g}"
    )


def choose(comparison: Comparison, settings: StudySettings) -> int:
    """Choose the cheapest among the best of those that are not excluded.

    Parameters
    ----------
    comparison : Comparison
        With the table of `exclude_over_limit`.
    settings : StudySettings
        Cost and tolerance are of use here.

    Returns
    -------
    row : int
        The position of the choice.
    """
    table, tolerance = comparison.table, settings.tolerance
    f_score = table.validation_f_score.where(table.excluded.isna())
    if tolerance == ONE_SE and f_score.notna().any():
        best = int(np.nanargmax(f_score))
        for row in np.flatnonzero(f_score.notna()).tolist():
            if not _is_within_one_se(comparison, best, row, settings):
                f_score.iloc[row] = np.nan
        tolerance = np.inf
    assert isinstance(tolerance, int | float)
    return _select(table.assign(validation_f_score=f_score), tolerance, settings.cost)


def choose_report_net(table: pd.DataFrame, settings: StudySettings) -> str | None:
    """Choose among the report's nets, by the report's rule, what the choice is compared with.

    Parameters
    ----------
    table : DataFrame
        Of a search that has chosen.
    settings : StudySettings
        The cost is of use here.

    Returns
    -------
    net : str or None
        Of those that were trained on all images of the search, and on most folds. None if there is
        none: where halving has dropped them all, one alone would take longer than the study.
    """
    if settings.contenders == "report":  # the choice itself
        return None
    nets = table[table.first_units.notna() & table.validation_f_score.notna()]
    nets = nets[nets.images == table.images.max()]
    nets = nets[nets.folds == nets.folds.max()]
    if nets.empty:
        return None
    return str(nets.net.iloc[_select(nets, HOLDOUT_TOLERANCE, settings.cost)])


def _select(table: pd.DataFrame, tolerance: float, cost: Cost) -> int:
    results = {
        "mean_test_f_score": table.validation_f_score.to_numpy(float),
        f"mean_test_{cost}": table[cost].astype(float),
        "mean_test_parameters": table.parameters.astype(float),
    }
    return select_parsimonious(tolerance, cost)(results)


def _is_within_one_se(
    comparison: Comparison, best: int, row: int, settings: StudySettings
) -> bool:
    """Return whether a contender is worse than the best by no more than the standard error."""
    answers, others = comparison.answers[best], comparison.answers[row]
    assert answers is not None
    assert others is not None
    images = comparison.images
    difference, error = paired_difference(
        images.label, answers.predicted, others.predicted, images.pair, settings.positive
    )
    return difference <= error


def drop_all_but_best(table: pd.DataFrame, n_best: int, n_rounds: int) -> pd.DataFrame:
    """Keep the contenders of the highest validation F-scores for the next round.

    Parameters
    ----------
    table : DataFrame
        Of `exclude_over_limit`.
    n_best : int
        How many; of equal ones the first.
    n_rounds : int
        How many rounds there were.

    Returns
    -------
    table : DataFrame
        With the reasons in the column `excluded`.
    """
    scores = _f_scores(table)
    order = np.argsort(-scores, kind="stable")
    reasons = {
        table.index[position]: f"dropped after round {n_rounds}: rank {rank} of {len(table)}"
        for rank, position in enumerate(order, start=1)
        if rank > n_best
    }
    return _exclude(table, reasons)


def drop_surpassed(table: pd.DataFrame, cost: str, n_rounds: int) -> pd.DataFrame:
    """Drop the contenders that another of their kind surpasses for at most half the cost.

    Parameters
    ----------
    table : DataFrame
        Of `exclude_over_limit`.
    cost : str
        A column of the table.
    n_rounds : int
        How many rounds there were.

    Returns
    -------
    table : DataFrame
        With the reasons in the column `excluded`.
    """
    scores = _f_scores(table)
    costs = table[cost].astype(float).fillna(np.inf).to_numpy()
    is_net = table.epochs.notna().to_numpy()
    surpasses = (
        (scores >= scores[:, np.newaxis])
        & (costs <= costs[:, np.newaxis] / 2)
        & (is_net == is_net[:, np.newaxis])
    )
    reasons = {}
    for row, by in zip(table.index, surpasses, strict=True):
        if by.any():
            best = table.net.iloc[int(np.argmax(np.where(by, scores, -np.inf)))]
            reasons[row] = f"dropped after round {n_rounds}: {best} is as good for half the cost"
    return _exclude(table, reasons)


def _exclude(table: pd.DataFrame, reasons: dict[Any, str]) -> pd.DataFrame:
    """Add reasons to those contenders that may still be chosen."""
    excluded = table.excluded.astype(object)
    may_be_chosen = _may_be_chosen(table)
    for row, reason in reasons.items():
        if may_be_chosen[row]:
            excluded[row] = reason
    return table.assign(excluded=excluded)


def _may_be_chosen(table: pd.DataFrame) -> "pd.Series[bool]":
    return table.failure.isna() & table.excluded.isna()


def _f_scores(table: pd.DataFrame) -> np.ndarray:
    """Return validation F-scores, minus infinity of what cannot be chosen."""
    scores = table.validation_f_score.where(table.excluded.isna()).to_numpy(float)
    return np.nan_to_num(scores, nan=-np.inf)
