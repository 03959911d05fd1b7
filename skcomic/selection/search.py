"""The search for a net: the twelve nets, and as many candidates of each kind."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from numbers import Real
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from skcomic._compat.sklearn import (
    Interval,
    SearchHooks,
    reasons_of_failed_fits,
    validate_parameters,
)
from skcomic._estimator import check_param_names
from skcomic.images.decoding import PathLike
from skcomic.images.vectorizer import ImageVectorizer
from skcomic.nets.base import NetClassifier
from skcomic.nets.randomness import draw_seed
from skcomic.nets.supervision import SupervisedBackend, retry_on_worker_death, supervised_workers

# Draws from distributions may repeat candidates. A candidate of a probability of 1 % is among the
# draws of a search for six with a probability of 1 - 0.99 ** 600, 99.8 %.
_DRAWS_PER_CANDIDATE = 100


class BalancedRandomizedSearchCV(SearchHooks, RandomizedSearchCV):
    """A randomized search whose candidates hold equal numbers of each value of a parameter.

    Parameters
    ----------
    estimator : estimator
        As in `sklearn.model_selection.RandomizedSearchCV`, as are all parameters but
        `balance_on`.
    param_distributions : dict
        Lists or distributions of values; the one of `balance_on` must be a list.
    n_iter : int, default=6
        How many distinct candidates are tried: a multiple of the values of `balance_on`.
    balance_on : str or None, default="classify__pooling"
        The parameter each of whose values is given to the same number of candidates. None:
        as in `RandomizedSearchCV`.
    scoring : str, callable, list, tuple or dict, default=None
        See `CostScorer`.
    n_jobs : int or None, default=-1
        Number of fits side by side; -1 is one on each core.
    refit : bool, str or callable, default=True
        See `select_parsimonious`.
    cv : int, splitter or iterable, default=None
        Pairs stay together with a splitter that looks at groups, such as
        `sklearn.model_selection.StratifiedGroupKFold`, and ``fit(..., groups=pairs)``.
    verbose : int, default=0
        1 or more prints messages about the fits.
    pre_dispatch : int or str, default="2*n_jobs"
        How many fits are handed out ahead.
    random_state : int, RandomState instance or None, default=None
        Decides the candidates.
    error_score : "raise" or number, default=nan
        The score of a fit that failed.
    return_train_score : bool, default=False
        Whether the training images are scored too.
    checkpoint_dir : str, path-like or None, default=None
        Folder that keeps the fits as they end. A search that was killed, begun again with the
        same folder, takes up what is there; see `ConvNetClassifier`. The estimator, or the last
        step of its pipeline, must be a `ConvNetClassifier` with a `random_state`.
    max_seconds_per_fit : float, default=None
        A fit whose training takes longer fails, as `error_score` says; for the same estimators.

    Attributes
    ----------
    cv_results_, best_estimator_, best_params_, best_index_, scorer_, n_splits_
        As in `RandomizedSearchCV`. With a callable `refit` there is no `best_score_`. For each
        candidate of which a fit failed, ``cv_results_["failure"]`` has the reason; else it is "".

    Notes
    -----
    A worker that the system kills does not end a search of a `ConvNetClassifier` in joblib's
    worker processes: fits that are finished are kept, those that were under way are tried again
    one by one, and one whose process is then killed again fails, as `error_score` says. For that,
    a search of a classifier without `random_state` draws one seed for all its fits. On a dask
    cluster, only the fits of the worker that died are tried again.

    Examples
    --------
    >>> from skcomic import ARCHITECTURES, BalancedRandomizedSearchCV, make_comic_pipeline
    >>> search = BalancedRandomizedSearchCV(make_comic_pipeline(), ARCHITECTURES, random_state=0)
    >>> [params["classify__pooling"] for params in search.draw_candidates()]
    ['average', 'average', 'average', 'max', 'max', 'max']
    """

    best_params_: dict[str, Any]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **RandomizedSearchCV._parameter_constraints,
        "balance_on": [str, None],
        "checkpoint_dir": [str, os.PathLike, None],
        "max_seconds_per_fit": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        param_distributions: Mapping[str, Any],
        *,
        n_iter: int = 6,
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
        self.balance_on = balance_on
        self.checkpoint_dir = checkpoint_dir
        self.max_seconds_per_fit = max_seconds_per_fit
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    def fit(self, X: Any, y: Any = None, **params: Any) -> "BalancedRandomizedSearchCV":
        """Fit and score all candidates, and the chosen one on all images.

        Parameters
        ----------
        X : array-like of shape (n_images, ...)
            What the estimator takes.
        y : array-like of shape (n_images,), default=None
            Labels.
        **params : dict
            As in `RandomizedSearchCV`; `groups` are for the splitter.

        Returns
        -------
        self : BalancedRandomizedSearchCV
            The search.

        Raises
        ------
        ValueError
            If the candidates cannot be drawn, `checkpoint_dir` or `max_seconds_per_fit` is
            given for an estimator that has no use for them, or every fit failed.
        """
        validate_parameters(self)
        net, prefix = find_net(self.estimator)
        if net is None and not (self.checkpoint_dir is None and self.max_seconds_per_fit is None):
            raise ValueError(
                "checkpoint_dir and max_seconds_per_fit require the estimator, or the last step "
                f"of its pipeline, to be a net classifier, not {self.estimator!r}"
            )
        with supervised_workers(self.n_jobs) as workers, ExitStack() as stack:
            self._run_settings: dict[str, Any] = {}
            self._searched: set[str] = set()
            if net is not None:
                settings = self._make_run_settings(net, workers, stack)
                self._run_settings = {f"{prefix}{name}": settings[name] for name in settings}
            try:
                super().fit(X, y, **params)
            except BaseException:
                if hasattr(self, "best_estimator_"):
                    del self.best_estimator_
                raise
            finally:
                self._remove_run_settings()
        return self

    def _make_run_settings(
        self, net: NetClassifier, workers: SupervisedBackend | None, stack: ExitStack
    ) -> dict[str, Any]:
        """Choose the parameters that each fit of this run is given beside its candidate's."""
        settings: dict[str, Any] = {}
        if self.max_seconds_per_fit is not None:
            settings["max_seconds"] = self.max_seconds_per_fit
        if self.checkpoint_dir is not None:
            settings["checkpoint_dir"] = self.checkpoint_dir
        elif workers is not None and net.checkpoint_dir is None:
            # Finished fits are restored from there when a worker has died.
            temporary = TemporaryDirectory(prefix="skcomic-", ignore_cleanup_errors=True)
            settings["checkpoint_dir"] = stack.enter_context(temporary)
            if net.random_state is None:
                settings["random_state"] = draw_seed(None)  # any will do: fits are known by it
        return settings

    def _with_run_settings(self, candidate: dict[str, Any]) -> dict[str, Any]:
        _, prefix = find_net(self.estimator)
        if prefix.removesuffix("__") in candidate:  # it has a classifier of its own
            return candidate
        return {**self._run_settings, **candidate}

    def _without_run_settings(self, params: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in params.items()
            if name not in self._run_settings or name in self._searched
        }

    def _remove_run_settings(self) -> None:
        """Leave nothing of this run in what is kept of the search."""
        if hasattr(self, "best_params_"):
            self.best_params_ = self._without_run_settings(self.best_params_)
        if hasattr(self, "cv_results_"):
            candidates = self.cv_results_["params"]
            self.cv_results_["params"] = [self._without_run_settings(p) for p in candidates]
        if hasattr(self, "best_estimator_"):
            best, _ = find_net(self.best_estimator_)
            given, prefix = find_net(self._candidate_estimator(self.best_params_))
            if best is not None and given is not None:
                names = [name.removeprefix(prefix) for name in self._run_settings]
                best.set_params(**{name: getattr(given, name) for name in names})
        del self._run_settings, self._searched

    def _candidate_estimator(self, candidate: dict[str, Any]) -> Any:
        return clone(self.estimator).set_params(**clone(candidate, safe=False))

    def draw_candidates(self) -> list[dict[str, Any]]:
        """Draw the parameters that are tried, without fitting anything.

        Returns
        -------
        candidates : list of dict
            `n_iter` distinct sets of parameters.

        Raises
        ------
        ValueError
            If `n_iter` cannot be shared equally, or if there are not so many distinct sets.
        """
        random = check_random_state(self.random_state)
        if self.balance_on is None:
            return _draw_distinct(self.param_distributions, self.n_iter, random)
        values = self._values_to_balance()
        if self.n_iter % len(values):
            raise ValueError(
                f"n_iter={self.n_iter} candidates cannot be shared equally among the "
                f"{len(values)} values of {self.balance_on}; take a multiple of {len(values)}"
            )
        return [
            candidate
            for value in values
            for candidate in _draw_distinct(
                {**self.param_distributions, self.balance_on: [value]},
                self.n_iter // len(values),
                random,
            )
        ]

    def _values_to_balance(self) -> list[Any]:
        if not isinstance(self.param_distributions, Mapping):
            raise ValueError("balance_on requires param_distributions to be one dict, not a list")
        values = self.param_distributions.get(self.balance_on)
        if values is None or hasattr(values, "rvs"):
            raise ValueError(
                f"balance_on={self.balance_on!r} must be one of param_distributions, with a "
                f"list of values; there are {sorted(self.param_distributions)}"
            )
        return list(values)

    def _run_search(
        self, evaluate_candidates: Callable[..., Any], *, callback_ctx: Any = None
    ) -> None:
        candidates = self.draw_candidates()
        for candidate in candidates:
            estimator = clone(self.estimator)
            for name, value in sorted(candidate.items()):  # a step comes before its parameters
                check_param_names([name], estimator)
                estimator.set_params(**{name: clone(value, safe=False)})
        candidates.sort(key=self._expected_work, reverse=True)  # none that is long starts last
        self._searched = {name for candidate in candidates for name in candidate}
        evaluate = retry_on_worker_death(evaluate_candidates)

        def evaluate_with_run_settings(candidates: list[dict[str, Any]], **context: Any) -> Any:
            return evaluate([self._with_run_settings(each) for each in candidates], **context)

        def evaluate_balanced(_unbalanced: ParameterSampler, **context: Any) -> Any:
            try:
                return self._evaluate(evaluate_with_run_settings, candidates, **context)
            except ValueError as error:
                if reasons := reasons_of_failed_fits(error):
                    raise ValueError(f"every fit failed: {reasons}") from error
                raise

        # scikit-learn 1.9 looks for `callback_ctx` in this signature; before, there was none.
        context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        super()._run_search(evaluate_balanced, **context)

    def _evaluate(
        self, evaluate: Callable[..., Any], candidates: list[dict[str, Any]], **context: Any
    ) -> Any:
        return evaluate(candidates, **context)

    def _make_results(
        self,
        format_results: Callable[[list[dict[str, Any]]], dict[str, Any]],
        candidates: list[dict[str, Any]],
        errors: list[list[str]],
    ) -> dict[str, Any]:
        """Add the reason why a candidate failed to what scikit-learn makes of the fits."""
        results = format_results([self._without_run_settings(each) for each in candidates])
        results["params"] = candidates  # scikit-learn refits with one of them
        reasons = [[_last_line(error) for error in of_candidate] for of_candidate in errors]
        results["failure"] = np.array([next(filter(None, some), "") for some in reasons])
        return results

    def _select(
        self,
        select: Callable[[Mapping[str, Any]], int],
        refit: Any,
        refit_metric: str,
        results: Mapping[str, Any],
    ) -> int:
        clean = [self._without_run_settings(params) for params in results["params"]]
        return super()._select(select, refit, refit_metric, {**results, "params": clean})

    def _expected_work(self, candidate: dict[str, Any]) -> int:
        """Estimate how long a candidate will train, in no unit; 0 where nothing is known."""
        estimator = self._candidate_estimator(candidate)
        if not isinstance(estimator, Pipeline):
            return 0
        vectorizer, net = estimator[0], estimator[-1]
        if not (isinstance(vectorizer, ImageVectorizer) and isinstance(net, NetClassifier)):
            return 0
        return net._expected_work(len(vectorizer.get_feature_names_out()))


def find_net(estimator: Any) -> tuple[NetClassifier | None, str]:
    """Find the net classifier of an estimator.

    Parameters
    ----------
    estimator : estimator
        A net classifier, or a pipeline whose last step may be one.

    Returns
    -------
    net : NetClassifier or None
        None where there is none.
    prefix : str
        Of its parameters among those of the estimator.
    """
    prefix = ""
    if isinstance(estimator, Pipeline):
        prefix, estimator = f"{estimator.steps[-1][0]}__", estimator[-1]
    return (estimator if isinstance(estimator, NetClassifier) else None), prefix


def _last_line(error: str) -> str:
    return error.strip().rpartition("\n")[2]


def _draw_distinct(
    distributions: Any, n_iter: int, random: np.random.RandomState
) -> list[dict[str, Any]]:
    sets = [distributions] if isinstance(distributions, Mapping) else distributions
    if not any(hasattr(values, "rvs") for one in sets for values in one.values()):
        grid_size = sum(int(np.prod([len(values) for values in one.values()])) for one in sets)
        if n_iter > grid_size:
            raise ValueError(_too_few(n_iter, grid_size))
        return list(ParameterSampler(distributions, n_iter, random_state=random))
    draws = ParameterSampler(distributions, n_iter * _DRAWS_PER_CANDIDATE, random_state=random)
    candidates = list(islice(_without_repeats(draws), n_iter))
    if len(candidates) < n_iter:
        raise ValueError(_too_few(n_iter, len(candidates)))
    return candidates


def _without_repeats(draws: ParameterSampler) -> Iterator[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    for candidate in draws:
        if candidate not in seen:
            seen.append(candidate)
            yield candidate


def _too_few(n_iter: int, n_distinct: int) -> str:
    return (
        f"{n_iter} distinct candidates were asked for, but there are only {n_distinct}; "
        "lower n_iter"
    )
