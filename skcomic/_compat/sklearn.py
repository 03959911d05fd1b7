"""scikit-learn: parameter validation, callbacks of fits, hooks of searches, diagrams, messages."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import check_non_negative

try:
    from sklearn.base import _fit_context as fit_context
    from sklearn.utils._param_validation import (
        Interval,
        InvalidParameterError,
        Options,
        StrOptions,
        validate_params,
    )
except ImportError:  # parameters are then used without having been validated

    class Options:  # type: ignore[no-redef]
        """A constraint that everything satisfies: being an object."""

        def __new__(cls, *_: Any, **__: Any) -> Any:
            """Return the type of all objects, which scikit-learn takes as a constraint."""
            return object

    Interval = StrOptions = Options
    InvalidParameterError = ValueError

    def fit_context(**_: Any) -> Callable[..., Any]:
        """Return a decorator that leaves a method as it is."""
        return lambda method: method

    def validate_params(*_: Any, **__: Any) -> Callable[..., Any]:
        """Return a decorator that leaves a function as it is."""
        return lambda function: function


try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before scikit-learn 1.9 there are no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing to support."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method as it is."""
        return method


__all__ = [
    "NON_FINITE_SCORES",
    "CallbackSupportMixin",
    "Interval",
    "InvalidParameterError",
    "Options",
    "ReferenceLinks",
    "SearchHooks",
    "StrOptions",
    "check_sample_weight",
    "fit_context",
    "fit_task",
    "is_about_nan",
    "reasons_of_failed_fits",
    "remove_callbacks",
    "reset_subtasks",
    "signature_parameters",
    "subtask",
    "validate_parameters",
    "validate_params",
    "visual_block",
    "with_callbacks",
]


def check_sample_weight(sample_weight: Any, X: Any) -> np.ndarray:
    """Validate sample weights by public functions; scikit-learn's own one is private.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or number
        A number is the weight of each sample.
    X : ndarray of shape (n_samples, n_features)
        The samples.

    Returns
    -------
    sample_weight : ndarray of shape (n_samples,), float32
        A copy.

    Raises
    ------
    ValueError
        If they are not one-dimensional, of another length, not finite or negative.
    """
    if isinstance(sample_weight, Real):
        sample_weight = np.full(len(X), sample_weight)
    weights = check_array(
        sample_weight, dtype=np.float32, ensure_2d=False, copy=True, input_name="sample_weight"
    )
    if weights.ndim != 1:
        raise ValueError("Sample weights must be 1D array or scalar")
    if len(weights) != len(X):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(len(X),)}!")
    check_non_negative(weights, "`sample_weight`")
    return weights


def validate_parameters(estimator: Any) -> None:
    """Validate the parameters of an estimator, as `fit_context` does before a fit.

    Parameters
    ----------
    estimator : estimator
        With `_parameter_constraints`.

    Raises
    ------
    InvalidParameterError
        If a parameter is not what its constraint says.
    """
    if hasattr(estimator, "_validate_params"):
        estimator._validate_params()


#: The warning of a search in which fits have failed, as a regular expression.
NON_FINITE_SCORES = "One or more of the (test|train) scores are non-finite"


def signature_parameters(cls: Any) -> list[str]:
    """Return the parameters of an estimator as scikit-learn does: those of its `__init__`.

    Parameters
    ----------
    cls : type
        A class whose own `_get_param_names` does otherwise, as scikeras' classes do.

    Returns
    -------
    names : list of str
        Sorted.
    """
    return BaseEstimator._get_param_names.__func__(cls)


def remove_callbacks(estimator: Any) -> None:
    """Remove scikit-learn's callbacks from an estimator.

    Parameters
    ----------
    estimator : estimator
        Changed in place.
    """
    vars(estimator).pop("_skl_callbacks", None)


def visual_block(estimator: Any, name: str) -> Any:
    """Give an estimator another name in scikit-learn's HTML than that of its class.

    Parameters
    ----------
    estimator : estimator
        Whose `_sk_visual_block_` this is.
    name : str
        What is shown.

    Returns
    -------
    block : _VisualBlock
        Where there is no such class, an ImportError makes scikit-learn show the class's name.
    """
    from sklearn.utils._repr_html.estimator import _VisualBlock

    return _VisualBlock("single", estimator, names=name, name_details=str(estimator))


@contextmanager
def fit_task(estimator: Any, X: Any, y: Any, n_subtasks: int) -> Iterator[Any]:
    """Call scikit-learn's callbacks of an estimator when its fit begins and ends.

    Parameters
    ----------
    estimator : estimator
        With the method `fit` decorated by `with_callbacks`.
    X, y : array-like
        What it is fitted on.
    n_subtasks : int
        How many subtasks there will be, such as epochs.

    Yields
    ------
    context : CallbackContext or None
        For `subtask`. None: the estimator has no callbacks.
    """
    if not getattr(estimator, "_skl_callbacks", None):
        yield None
        return
    context = estimator._init_callback_context(max_subtasks=n_subtasks)
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    yield context
    context.call_on_fit_task_end(estimator=estimator, X=X, y=y)


class subtask:
    """A part of a fit that scikit-learn's callbacks are called around, such as an epoch.

    Parameters
    ----------
    context : CallbackContext
        From `fit_task`, or the argument `callback_ctx` of a hook.
    estimator : estimator
        Whose fit it is.
    name : str
        What the callbacks call it.
    **kwargs
        As for scikit-learn's `subcontext`.
    """

    def __init__(self, context: Any, estimator: Any, name: str, **kwargs: Any) -> None:
        self.context = context.subcontext(task_name=name, **kwargs)
        self.estimator = estimator
        self.context.call_on_fit_task_begin(estimator=estimator)

    def end(self) -> bool:
        """Call the callbacks that it has ended; return whether one asks the fit to stop."""
        return bool(self.context.call_on_fit_task_end(estimator=self.estimator))


def reset_subtasks(context: Any) -> None:
    """Forget the subtasks of a context, so that the same ones can be evaluated again.

    Parameters
    ----------
    context : CallbackContext or None
        The argument `callback_ctx` of a hook.
    """
    getattr(context, "_children_map", {}).clear()


class ReferenceLinks:
    """Lets scikit-learn's diagrams link to this package's reference, where that is published.

    It comes before scikit-learn's classes among the bases of a class.
    """

    _doc_link_module = "skcomic"
    # Nowhere yet; docs/conf.py says where it is for the pages of the site itself.
    _doc_link_template = ""


class SearchHooks(ReferenceLinks):
    """The private hooks of scikit-learn's searches, by names of our own.

    It comes before the search among the bases of a class.
    """

    def _format_results(
        self, candidate_params: Any, n_splits: int, out: Any, more_results: Any = None
    ) -> dict[str, Any]:
        errors = [fit["fit_error"] or "" for fit in out]
        errors_of_each = [errors[i : i + n_splits] for i in range(0, len(errors), n_splits)]

        def format_results(candidates: list[dict[str, Any]]) -> dict[str, Any]:
            return super(SearchHooks, self)._format_results(  # type: ignore[misc]
                candidates, n_splits, out, more_results
            )

        return self._make_results(format_results, list(candidate_params), errors_of_each)

    def _make_results(
        self,
        format_results: Callable[[list[dict[str, Any]]], dict[str, Any]],
        candidates: list[dict[str, Any]],
        errors: list[list[str]],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Make `cv_results_` of the fits so far; each has a traceback as its error, or ""."""
        return format_results(candidates)

    def _select_best_index(self, refit: Any, refit_metric: str, results: Mapping[str, Any]) -> int:
        def select(results: Mapping[str, Any]) -> int:
            return super(SearchHooks, self)._select_best_index(  # type: ignore[misc]
                refit, refit_metric, results
            )

        return self._select(select, refit, refit_metric, results)

    def _select(
        self,
        select: Callable[[Mapping[str, Any]], int],
        refit: Any,  # noqa: ARG002
        refit_metric: str,  # noqa: ARG002
        results: Mapping[str, Any],
    ) -> int:
        """Select the candidate to be refitted."""
        return select(results)


def reasons_of_failed_fits(error: ValueError) -> str | None:
    """Shorten what scikit-learn says, with all tracebacks, when every fit has failed.

    Parameters
    ----------
    error : ValueError
        That a search has raised.

    Returns
    -------
    reasons : str or None
        The last lines of the tracebacks, each once. None: the error is another one.
    """
    if not re.match(r"\s*All the \d+ fits failed", str(error)):
        return None
    reasons = re.findall(r"^[\w.]*(?:Error|Exception|Interrupt)\b.*", str(error), re.MULTILINE)
    return "; ".join(dict.fromkeys(reasons)) or str(error)


def is_about_nan(error: ValueError) -> bool:
    """Return whether an error of `validate_data` says that the input contains NaN."""
    return str(error).startswith("Input X contains NaN")
