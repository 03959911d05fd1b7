"""The docstring of every public name tells all that numpydoc asks for."""

import inspect

import pytest
from numpydoc.validate import validate

import skcomic
import skcomic.datasets

# What the house style leaves out, by numpydoc's codes.
NOT_ASKED = {
    "GL01",  # the summary below the quotes (asked by numpydoc before 1.11)
    "ES01",  # an extended summary where the summary says it
    "SA01",  # See Also where there is nothing near
    "RT02",  # the name of a single return value, which scikit-learn gives too
}
NOT_ASKED_OF_METHODS = {"EX01"}  # their class has the example
SHOWN_BY_RUN_STUDY = {
    f"skcomic.study.results.Study{part}" for part in ("", "Progress", "Settings")
}


def public_names() -> list[str]:
    """Public functions, classes, and what skcomic itself defines on these."""
    names = []
    things = [getattr(skcomic, name) for name in skcomic.__all__]
    things += [getattr(skcomic.datasets, name) for name in skcomic.datasets.__all__]
    for thing in things:
        if not callable(thing):
            continue
        path = f"{thing.__module__}.{thing.__qualname__}"
        names.append(path)
        if inspect.isclass(thing):
            names += [
                f"{owner.__module__}.{owner.__qualname__}.{name}"
                for owner in thing.__mro__
                if owner.__module__.partition(".")[0] == "skcomic"
                for name, member in vars(owner).items()
                if not name.startswith("_")
                and (inspect.isfunction(member) or isinstance(member, property | classmethod))
                and not name.endswith("_request")  # made by scikit-learn
            ]
    return list(dict.fromkeys(names))  # both estimators have the methods of one mixin


def is_method(name: str) -> bool:
    return name.split(".")[-2][0].isupper()


@pytest.mark.parametrize("name", public_names())
def test_docstring_is_complete(name: str) -> None:
    allowed = NOT_ASKED | (
        NOT_ASKED_OF_METHODS if is_method(name) or name in SHOWN_BY_RUN_STUDY else set()
    )
    errors = [f"{code}: {text}" for code, text in validate(name)["errors"] if code not in allowed]
    assert not errors, "; ".join(errors)


def test_no_public_name_has_disappeared() -> None:
    names = public_names()
    assert sum(not is_method(name) for name in names) == 34
    assert sum(is_method(name) for name in names) == 21
