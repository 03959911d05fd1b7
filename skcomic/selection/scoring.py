"""What a net is chosen by: how good it is and what it costs, and the cheapest among the best."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_fscore_support
from sklearn.pipeline import Pipeline

from skcomic.selection.costs import COSTS, HOLDOUT_TOLERANCE, ONE_SE, Cost, Tolerance


class CostScorer:
    """A multi-metric scorer: how good a fitted net is, and what its training cost.

    Costs are read from the fitted classifier, which measured them in the process that it was
    trained in: so they are right whatever the number of jobs.

    Parameters
    ----------
    positive : label, default=None
        The class whose precision, recall and F-score count. None: the second of two classes;
        the macro average of more than two.

    Examples
    --------
    >>> from skcomic import CostScorer
    >>> CostScorer(positive="comics")
    CostScorer(positive='comics')
    """

    def __init__(self, positive: Any = None) -> None:
        self.positive = positive

    def __call__(self, estimator: Any, X: Any, y: Any) -> dict[str, float]:
        """Score a fitted classifier, or a pipeline that ends in one.

        Parameters
        ----------
        estimator : ConvNetClassifier or Pipeline
            Fitted.
        X : array-like of shape (n_images, ...)
            What `estimator` takes.
        y : array-like of shape (n_images,)
            The true labels.

        Returns
        -------
        scores : dict of str to float
            `precision`, `recall`, `f_score`; `cpu_seconds`, `wall_seconds` and
            `multiply_adds` of the training, and the number of `parameters`.
        """
        net = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        return {
            **score_labels(y, estimator.predict(X), net.classes_, self.positive),
            **net.training_time_,
            "multiply_adds": net.multiply_adds_,
            "parameters": net.n_parameters_,
        }

    def __repr__(self) -> str:
        return f"CostScorer(positive={self.positive!r})"


def score_labels(y: Any, predicted: Any, classes: Any, positive: Any = None) -> dict[str, float]:
    """Compute precision, recall and F-score.

    Parameters
    ----------
    y : array-like of shape (n_images,)
        The true labels.
    predicted : array-like of shape (n_images,)
        The labels that the classifier gave.
    classes : array-like of shape (n_classes,)
        All labels, sorted.
    positive : label, default=None
        The class that counts. None: the second of two classes; the macro average of more.

    Returns
    -------
    scores : dict of str to float
        `precision`, `recall` and `f_score`; 0 where nothing was found.

    Raises
    ------
    ValueError
        If `positive` is not one of the classes.
    """
    if positive is None and len(classes) == 2:
        positive = classes[1]
    if positive is not None and positive not in list(classes):
        raise ValueError(f"positive={positive!r} is not one of the classes {list(classes)}")
    labels = classes if positive is None else [positive]
    precision, recall, f_score, _ = precision_recall_fscore_support(
        y, predicted, labels=labels, average="macro", zero_division=0
    )
    return {"precision": float(precision), "recall": float(recall), "f_score": float(f_score)}


def select_parsimonious(
    tolerance: Tolerance = HOLDOUT_TOLERANCE, cost: Cost = "cpu_seconds"
) -> Callable[[Mapping[str, Any]], int]:
    """Choose the cheapest candidate among those that are about as good as the best.

    Parameters
    ----------
    tolerance : float or "1se", default=0.005
        How far below the best mean validation F-score a candidate may be. "1se": by one standard
        error of the differences between the two in the splits of the search (the rule of
        Breiman, Friedman, Olshen & Stone, "Classification and Regression Trees", 1984, for
        paired scores).
    cost : {"cpu_seconds", "wall_seconds", "multiply_adds"}, default="cpu_seconds"
        What is to be saved. CPU seconds are steadier than wall seconds where nets train side
        by side; multiplications do not depend on the clock at all.

    Returns
    -------
    refit : callable
        For the argument `refit` of a search whose scorer is a `CostScorer`: takes
        `cv_results_`, returns the index of the chosen candidate. At equal cost the one with
        fewer parameters is chosen, then the better one.

    Raises
    ------
    ValueError
        If `tolerance` is negative or `cost` is unknown; when called, if every fit failed, the
        scorer gave no costs, or "1se" is asked for with fewer than two splits.

    Examples
    --------
    >>> choose = select_parsimonious(tolerance=0.01, cost="multiply_adds")
    >>> choose({"mean_test_f_score": [0.95, 0.945, 0.8], "mean_test_multiply_adds": [9, 5, 1],
    ...         "mean_test_parameters": [300, 200, 100]})
    1
    """
    if tolerance != ONE_SE and (isinstance(tolerance, str) or tolerance < 0):
        raise ValueError(f"tolerance must be 0 or more, or {ONE_SE!r}, not {tolerance!r}")
    if cost not in COSTS:
        raise ValueError(f"cost must be one of {COSTS}, not {cost!r}")
    return _ParsimoniousChoice(tolerance, cost)


class _ParsimoniousChoice:
    """The callable that `select_parsimonious` returns: a class, so that it can be pickled."""

    def __init__(self, tolerance: Tolerance, cost: Cost) -> None:
        self.tolerance = tolerance
        self.cost = cost

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        keys = ("f_score", self.cost, "parameters")
        if missing := [key for key in keys if f"mean_test_{key}" not in cv_results]:
            raise ValueError(
                f"the search has no {missing}; give it scoring=CostScorer(positive=...)"
            )
        f_score, cost, n_parameters = (np.asarray(cv_results[f"mean_test_{k}"]) for k in keys)
        f_score = np.where(in_last_round(cv_results), f_score, np.nan)
        if np.isnan(f_score).all():
            raise ValueError(
                "every fit failed; run the search with error_score='raise' to see why"
            )
        tolerance: Any = self.tolerance
        if tolerance == ONE_SE:
            tolerance = _standard_errors(cv_results, int(np.nanargmax(f_score)))
        good = np.flatnonzero(f_score >= np.nanmax(f_score) - tolerance)
        order = np.lexsort((-f_score[good], n_parameters[good], cost[good]))
        return int(good[order[0]])


def _standard_errors(cv_results: Mapping[str, Any], best: int) -> np.ndarray:
    """Compute the standard error of the difference of each candidate to the best."""
    splits: list[np.ndarray] = []
    while (key := f"split{len(splits)}_test_f_score") in cv_results:
        splits.append(np.asarray(cv_results[key]))
    if len(splits) < 2:
        raise ValueError(
            f"tolerance={ONE_SE!r} needs a search with two splits or more, not {len(splits)}"
        )
    differences = np.stack(splits) - np.stack(splits)[:, best, np.newaxis]
    return np.asarray(differences.std(axis=0, ddof=1) / np.sqrt(len(splits)))


def in_last_round(cv_results: Mapping[str, Any]) -> np.ndarray:
    """Tell which candidates were trained in full: all of a search that has no rounds."""
    rounds = np.asarray(cv_results.get("iter", [0]))
    return rounds == rounds.max()
