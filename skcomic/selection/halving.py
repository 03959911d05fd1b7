"""The search by successive halving: all candidates a little, the better ones in full."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from skcomic._compat.sklearn import Interval, subtask
from skcomic._estimator import check_param_names
from skcomic.images.decoding import PathLike
from skcomic.selection.rounds import halving_rounds
from skcomic.selection.scoring import in_last_round
from skcomic.selection.search import BalancedRandomizedSearchCV


class BalancedHalvingSearchCV(BalancedRandomizedSearchCV):
    """A balanced search that trains all candidates a little, and the better ones in full.

    Successive halving: each round keeps one in `factor` of the candidates, two at least, and
    trains them from the beginning for more epochs; the last round for as many as the estimator
    says. Only candidates of the last round can be chosen.

    Parameters
    ----------
    estimator : estimator
        As in `BalancedRandomizedSearchCV`, as are all parameters but those named here.
    param_distributions : dict
        Lists or distributions of values.
    n_iter : int, default=6
        How many distinct candidates are tried in the first round.
    resource : str, default="classify__epochs"
        The parameter that rounds grow by; its value in `estimator` is that of the last round.
    factor : int, default=3
        One in so many candidates is kept for the next round.
    score : str, default="f_score"
        What decides which are kept, if the scorer gives several scores.
    balance_on : str or None, default="classify__pooling"
        The parameter each of whose values is given to the same number of candidates.
    scoring : str, callable, list, tuple or dict, default=None
        See `CostScorer`.
    n_jobs : int or None, default=-1
        Number of fits side by side; -1 is one on each core.
    refit : bool, str or callable, default=True
        See `select_parsimonious`.
    cv : int, splitter or iterable, default=None
        As in `BalancedRandomizedSearchCV`.
    verbose : int, default=0
        1 or more prints messages about the fits.
    pre_dispatch : int or str, default="2*n_jobs"
        How many fits are handed out ahead.
    random_state : int, RandomState instance or None, default=None
        Decides the candidates.
    error_score : "raise" or number, default=nan
        The score of a fit that failed; it is kept for no other round.
    return_train_score : bool, default=False
        Whether the training images are scored too.
    checkpoint_dir : str, path-like or None, default=None
        Folder that keeps the fits as they end, as in `BalancedRandomizedSearchCV`.
    max_seconds_per_fit : float, default=None
        A fit whose training takes longer fails, as in `BalancedRandomizedSearchCV`.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        As in `RandomizedSearchCV`, with all rounds, and the number of the round, `iter`.
    best_estimator_, best_params_, best_index_, scorer_, n_splits_
        As in `RandomizedSearchCV`.

    See Also
    --------
    sklearn.model_selection.HalvingRandomSearchCV : Any resource, for scorers of one score.

    Examples
    --------
    >>> from skcomic import ARCHITECTURES, BalancedHalvingSearchCV, make_comic_pipeline
    >>> search = BalancedHalvingSearchCV(make_comic_pipeline(), ARCHITECTURES, n_iter=12)
    >>> search.rounds()
    [(12, 3), (4, 8), (2, 25)]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BalancedRandomizedSearchCV._parameter_constraints,
        "resource": [str],
        "factor": [Interval(Integral, 2, None, closed="left")],
        "score": [str],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        param_distributions: Mapping[str, Any],
        *,
        n_iter: int = 6,
        resource: str = "classify__epochs",
        factor: int = 3,
        score: str = "f_score",
        balance_on: str | None = "classify__pooling",
        scoring: Any = None,
        n_jobs: int | None = -1,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        checkpoint_dir: PathLike | None = None,
        max_seconds_per_fit: float | None = None,
    ) -> None:
        self.resource = resource
        self.factor = factor
        self.score = score
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            balance_on=balance_on,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
            checkpoint_dir=checkpoint_dir,
            max_seconds_per_fit=max_seconds_per_fit,
        )

    def rounds(self) -> list[tuple[int, int]]:
        """Tell how many candidates are trained for how long, without fitting anything.

        Returns
        -------
        rounds : list of (int, int)
            Number of candidates and value of `resource` of each round.
        """
        check_param_names([self.resource], self.estimator)
        in_full = self.estimator.get_params()[self.resource]
        return halving_rounds(self.n_iter, in_full, self.factor)

    def _evaluate(
        self, evaluate: Callable[..., Any], candidates: list[dict[str, Any]], **context: Any
    ) -> Any:
        search = context.get("callback_ctx")
        results: dict[str, Any] = {}
        for number, (n_candidates, resource) in enumerate(self.rounds()):
            if results:
                name = "score" if "mean_test_score" in results else self.score
                scores = np.asarray(results[f"mean_test_{name}"])[-len(candidates) :]
                best = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
                candidates = [candidates[i] for i in sorted(best[:n_candidates])]
            with _round_task(self, search, number) as task:
                results = evaluate(
                    [{**candidate, self.resource: resource} for candidate in candidates],
                    more_results={"iter": [number] * len(candidates)},
                    **task,
                )
        return results

    def _select(
        self,
        select: Callable[[Mapping[str, Any]], int],
        refit: Any,
        refit_metric: str,
        results: Mapping[str, Any],
    ) -> int:
        if callable(refit):
            return super()._select(select, refit, refit_metric, results)
        scores = np.where(in_last_round(results), results[f"mean_test_{refit_metric}"], np.nan)
        return int(np.nanargmax(scores))


@contextmanager
def _round_task(search: Any, context: Any, number: int) -> Iterator[dict[str, Any]]:
    """Call scikit-learn's callbacks, where there are such, when a round begins and ends."""
    if context is None:
        yield {}
        return
    task = subtask(
        context, search, f"round {number}", task_id=number, max_subtasks=None,
        sequential_subtasks=False,
    )  # fmt: skip
    yield {"callback_ctx": task.context}
    task.end()
