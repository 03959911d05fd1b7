"""What all estimators share: names of parameters, the nearest valid name, public names."""

import functools
import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from numbers import Integral
from typing import Any

from sklearn.base import BaseEstimator

from skcomic._compat.sklearn import CallbackSupportMixin, Options, ReferenceLinks

#: Parameters that belong to one run on one machine: they decide no outcome, no fit is known by
#: them, and they are neither saved with a model nor left in a study's pipeline.
RUN_PARAMETERS = frozenset(
    {"cache", "callbacks", "checkpoint_dir", "max_seconds", "memory", "verbose"}
)


class EstimatorMixin(ReferenceLinks, CallbackSupportMixin):
    """Suggests the nearest name for a misspelt parameter; supports callbacks and links."""

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
                f"{nearest_name(name, valid)}; valid parameters are: {sorted(valid)}"
            )


def nearest_name(name: str, valid: Iterable[str]) -> str:
    near = get_close_matches(name, list(valid), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _suggesting_nearest_name(init: Callable[..., None]) -> Callable[..., None]:
    valid = [name for name in inspect.signature(init).parameters if name != "self"]

    @functools.wraps(init)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        for name in kwargs:
            if name not in valid:
                raise TypeError(
                    f"{type(self).__name__} has no parameter {name!r}{nearest_name(name, valid)}"
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


def reset_run_parameters(estimator: Any) -> None:
    """Give the parameters of one run their defaults.

    Parameters
    ----------
    estimator : estimator
        Changed in place, without its steps.
    """
    for name, parameter in inspect.signature(type(estimator).__init__).parameters.items():
        if name in RUN_PARAMETERS and name in vars(estimator):
            setattr(estimator, name, parameter.default)
