"""What both estimators share: the nearest valid name offered, and scikit-learn's callbacks."""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from numbers import Integral
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Options
from sklearn.utils._repr_html.estimator import _VisualBlock

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before scikit-learn 1.9 there are no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing to support."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method as it is."""
        return method


class EstimatorMixin(CallbackSupportMixin):
    """Offers the nearest name for a misspelt parameter; takes scikit-learn's callbacks."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = _suggesting_nearest_name(cls.__init__)  # type: ignore[method-assign]

    def set_params(self, **params: Any) -> Any:
        """Set parameters.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : estimator
            The estimator itself.

        Raises
        ------
        ValueError
            If there is no such parameter; the nearest valid name is offered.
        """
        check_param_names(params, self)
        return BaseEstimator.set_params(self, **params)

    @contextmanager
    def _fit_task(self, X: Any, y: Any, n_subtasks: int = 0) -> Iterator[Any]:
        """Tell scikit-learn's callbacks, if there are any, that fitting begins and ends."""
        if not getattr(self, "_skl_callbacks", None):
            yield None
            return
        task = self._init_callback_context(max_subtasks=n_subtasks)
        task.call_on_fit_task_begin(estimator=self, X=X, y=y)
        yield task
        task.call_on_fit_task_end(estimator=self, X=X, y=y)


class Sides(Options):
    """The constraint of a parameter that is a pair (height, width) in pixels.

    It is called an option because scikit-learn takes no constraint of another make.
    """

    def __init__(self) -> None:
        super().__init__(tuple, set())

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether it is a tuple or list of two positive ints."""
        return (
            isinstance(val, tuple | list)
            and len(val) == 2
            and all(
                isinstance(side, Integral) and not isinstance(side, bool) and int(side) > 0
                for side in val
            )
        )

    def __str__(self) -> str:
        return "a pair (height, width) of positive ints"


def check_param_names(params: Iterable[str], estimator: Any) -> None:
    """Refuse names of parameters that an estimator does not have.

    Parameters
    ----------
    params : iterable of str
        The names given.
    estimator : estimator
        Has `get_params`.

    Raises
    ------
    ValueError
        For the first name that is none; the nearest valid name is offered.
    """
    valid = estimator.get_params(deep=True)
    for name in params:
        if name not in valid:
            raise ValueError(
                f"Invalid parameter {name!r} for estimator {type(estimator).__name__}"
                f"{_nearest(name, valid)}; valid parameters are: {sorted(valid)}"
            )


def _nearest(name: str, valid: Iterable[str]) -> str:
    near = get_close_matches(name, list(valid), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _suggesting_nearest_name(init: Callable[..., None]) -> Callable[..., None]:
    valid = [name for name in inspect.signature(init).parameters if name != "self"]

    @functools.wraps(init)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        for name in kwargs:
            if name not in valid:
                raise TypeError(
                    f"{type(self).__name__} has no parameter {name!r}{_nearest(name, valid)}"
                )
        init(self, *args, **kwargs)

    return checked


def public_name(name: str) -> str:
    """Name a class as its users import it: its module may move, this name stays.

    Parameters
    ----------
    name : str
        Module and name of the class, such as ``skcomic.nets.convnet.ConvNetClassifier``.

    Returns
    -------
    name : str
        Such as ``skcomic.ConvNetClassifier``; a class of another package keeps its name.
    """
    if not name.startswith("skcomic."):
        return name
    return f"skcomic.{name.rpartition('.')[2].lstrip('_')}"


def visual_block(estimator: Any, name: str) -> _VisualBlock:
    """Give an estimator another name in scikit-learn's HTML than that of its class."""
    return _VisualBlock("single", estimator, names=name, name_details=str(estimator))
