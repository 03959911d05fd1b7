"""The stages of a study after the split: each is a function of what it gets to what it gives."""

import warnings
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import PredefinedSplit
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from skcomic._compat.sklearn import NON_FINITE_SCORES
from skcomic.images.decoding import PathLike
from skcomic.selection.costs import Cost
from skcomic.selection.halving import BalancedHalvingSearchCV
from skcomic.selection.scoring import CostScorer, score_labels, select_parsimonious
from skcomic.selection.search import BalancedRandomizedSearchCV
from skcomic.study.baselines import Score, train_and_score
from skcomic.study.candidates import Candidates
from skcomic.study.settings import SearchKind, StudySettings

_SEARCHES: dict[SearchKind, Any] = {
    "random": BalancedRandomizedSearchCV,
    "halving": BalancedHalvingSearchCV,
}
_SCORES = ("precision", "recall", "f_score")
_COSTS = ("cpu_seconds", "wall_seconds", "multiply_adds", "parameters")


class Run(NamedTuple):
    """How the fits of one run are made; none of it decides an outcome.

    Parameters
    ----------
    n_jobs : int or None
        Fits side by side.
    checkpoint_dir : str, path-like or None
        Folder that keeps the fits.
    max_seconds_per_fit : float or None
        How long a fit may take.
    """

    n_jobs: int | None
    checkpoint_dir: PathLike | None
    max_seconds_per_fit: float | None


class Choice(NamedTuple):
    """What a stage has compared and chosen.

    Parameters
    ----------
    table : DataFrame
        One row per candidate: its description, scores, costs and `failure`.
    params : dict of str to object
        Of the chosen candidate.
    row : dict of str to object
        The row of the chosen candidate.
    """

    table: pd.DataFrame
    params: dict[str, Any]
    row: dict[Hashable, Any]


def search_nets(candidates: Candidates, parts: Bunch, settings: StudySettings, run: Run) -> Choice:
    """Choose among some of the candidates, trained on a part of the training images.

    Parameters
    ----------
    candidates : Candidates
        `n_candidates` of them are drawn.
    parts : Bunch
        As from `assign_parts`.
    settings : StudySettings
        The settings.
    run : Run
        How fits are made.

    Returns
    -------
    choice : Choice
        The cheapest among the best.
    """
    search = _SEARCHES[settings.search](
        candidates.pipeline,
        candidates.varied,
        n_iter=settings.n_candidates,
        **_search_parameters(settings, run, parts.search, parts.validation),
    )
    return _evaluate(search, candidates, settings, parts.search, parts.validation)


def select_size(candidates: Candidates, parts: Bunch, settings: StudySettings, run: Run) -> Choice:
    """Choose among all of the candidates, trained on all training images.

    Parameters
    ----------
    candidates, parts, settings, run
        As for `search_nets`.

    Returns
    -------
    choice : Choice
        The cheapest among the best.
    """
    (values,) = candidates.varied.values()
    search = BalancedRandomizedSearchCV(
        candidates.pipeline,
        candidates.varied,
        n_iter=len(values),
        balance_on=None,
        **_search_parameters(settings, run, parts.train, parts.validation),
    )
    return _evaluate(search, candidates, settings, parts.train, parts.validation)


def fit_and_test(
    pipeline: Pipeline, name: str, parts: Bunch, settings: StudySettings, run: Run
) -> dict[str, Any]:
    """Train the choice on training and validation images, and test it.

    Parameters
    ----------
    pipeline : Pipeline
        The choice; is fitted in place.
    name : str
        Of the choice.
    parts, settings, run
        As for `search_nets`.

    Returns
    -------
    test : dict
        As in `Study`.
    """
    classifier = pipeline[-1]
    classifier.set_params(checkpoint_dir=run.checkpoint_dir, max_seconds=run.max_seconds_per_fit)
    if settings.precision == "auto":
        classifier.set_params(precision="float32")
    rows, labels, score = _rows_and_score(pipeline, parts, settings, run)
    classifier.fit(rows, labels)
    return {"net": name, **score(classifier), **classifier.training_time_}


def score_baselines(
    pipeline: Pipeline, parts: Bunch, settings: StudySettings, run: Run
) -> list[dict[str, Any]]:
    """Train classifiers without a network on the rows of the choice, and test them.

    Parameters
    ----------
    pipeline : Pipeline
        The choice, of which the steps before the classifier make the rows.
    parts, settings, run
        As for `search_nets`.

    Returns
    -------
    baselines : list of dict
        As in `Study`.
    """
    rows, labels, score = _rows_and_score(pipeline, parts, settings, run)
    return train_and_score(
        rows, labels, score, seed=settings.random_state, max_seconds=run.max_seconds_per_fit
    )


def _rows_and_score(
    pipeline: Pipeline, parts: Bunch, settings: StudySettings, run: Run
) -> tuple[np.ndarray, pd.Series, Score]:
    """Return the rows and labels of all images but those of the test, and a score on these."""
    pipeline[0].set_params(n_jobs=run.n_jobs)
    development = pd.concat([parts.train, parts.validation])
    rows = pipeline[:-1].fit_transform(development.path)
    test_rows = pipeline[:-1].transform(parts.test.path)

    def score(fitted: Any) -> dict[str, Any]:
        predicted = fitted.predict(test_rows)
        scores = score_labels(parts.test.label, predicted, fitted.classes_, settings.positive)
        confusion = confusion_matrix(parts.test.label, predicted, labels=fitted.classes_)
        return {"n": len(parts.test), **scores, "confusion": confusion.tolist()}

    return rows, development.label, score


def compute_saving(
    sizes: pd.DataFrame, chosen_size: int, cost: Cost
) -> dict[str, float | int | None]:
    """Compute what the chosen size saves and loses.

    Parameters
    ----------
    sizes : DataFrame
        The table of `select_size`.
    chosen_size : int
        In pixels.
    cost : str
        A column of the table.

    Returns
    -------
    saving : dict
        As in `Study`.
    """
    done = sizes[sizes.failure.isna()]
    by_size = {row["size"]: row for row in done.to_dict(orient="records")}
    largest = max(by_size)
    cheapest = min(by_size, key=lambda size: by_size[size][cost])
    other = cheapest if chosen_size == largest else chosen_size
    before, after = by_size[largest], by_size[other]
    return {
        "from_size": largest,
        "to_size": other,
        "cost_share": _share_lost(before[cost], after[cost]),
        "f_score_share": _share_lost(before["validation_f_score"], after["validation_f_score"]),
    }


def _share_lost(before: float, after: float) -> float | None:
    return float(1 - after / before) if before else None


def _search_parameters(
    settings: StudySettings, run: Run, train: pd.DataFrame, validation: pd.DataFrame
) -> dict[str, Any]:
    """Parameters of a search that trains once, on `train`, and scores on `validation` too."""
    fold = np.repeat([-1, 0], [len(train), len(validation)])
    return {
        "cv": PredefinedSplit(fold),
        "scoring": CostScorer(settings.positive),
        "return_train_score": True,
        "refit": False,
        "error_score": np.nan,
        "random_state": settings.random_state,
        **run._asdict(),
    }


def _evaluate(
    search: BalancedRandomizedSearchCV,
    candidates: Candidates,
    settings: StudySettings,
    train: pd.DataFrame,
    validation: pd.DataFrame,
) -> Choice:
    both = pd.concat([train, validation])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)  # the table has the reasons
        warnings.filterwarnings("ignore", NON_FINITE_SCORES)
        results = search.fit(both.path, both.label).cv_results_
    table = _tabulate(results, search.estimator.get_params(), candidates.describe)
    chosen = select_parsimonious(settings.tolerance, settings.cost)(results)
    return Choice(table, results["params"][chosen], table.to_dict("records")[chosen])


def _tabulate(
    results: dict[str, Any],
    common: dict[str, Any],
    describe: Callable[[dict[str, Any]], dict[str, Any]],
) -> pd.DataFrame:
    """Make the table of a stage: one row per candidate, in the order of the results."""
    rows = []
    for i, params in enumerate(results["params"]):
        scores = {
            f"{part}_{score}": float(results[f"mean_{fold}_{score}"][i])
            for part, fold in (("train", "train"), ("validation", "test"))
            for score in _SCORES
        }
        costs = {name: float(results[f"mean_test_{name}"][i]) for name in _COSTS}
        failure = {"failure": results["failure"][i] or np.nan}
        rows.append({**describe({**common, **params}), **scores, **costs, **failure})
    counts = dict.fromkeys(("multiply_adds", "parameters"), "Int64")  # may be missing
    table = pd.DataFrame(rows).astype(counts)
    if table.failure.isna().all():
        table = table.astype(dict.fromkeys(counts, "int64"))
    return table
