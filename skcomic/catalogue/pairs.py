"""Which images belong together, by their names."""

import re
from collections.abc import Callable
from pathlib import Path, PurePath

from skcomic.images.urls import file_path

PairRule = str | re.Pattern[str] | Callable[[Path], str] | None


def make_pair_rule(pair: PairRule) -> Callable[[str, str], str | None]:
    """Make a function that names the pair of an image.

    Parameters
    ----------
    pair : str, pattern, callable or None
        As for `load_catalogue`.

    Returns
    -------
    name_pair : callable
        Takes the path of an image and its path within its class; returns the name of its pair,
        or None if it is a pair of its own.

    Raises
    ------
    ValueError
        If it is no rule.
    """
    if pair is None or pair == "none":
        return lambda _path, _within: None
    if pair == "stem":
        return lambda _path, within: _stem(within)
    if isinstance(pair, str | re.Pattern):
        pattern = _compile(pair)
        return lambda _path, within: match[1] if (match := pattern.search(_stem(within))) else None
    if callable(pair):
        return lambda path, _within: str(pair(file_path(path)))
    raise ValueError(
        f"pair must be 'stem', 'none', a regular expression or a function, not {pair!r}"
    )


def _stem(within: str) -> str:
    """Return a path within a class, without the suffix of the file."""
    return PurePath(within).with_suffix("").as_posix()


def _compile(pair: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        pattern = re.compile(pair)
    except re.error as error:
        raise ValueError(
            f"pair={pair!r} is neither 'stem' nor 'none' nor a regular expression: {error}"
        ) from None
    if not pattern.groups:
        raise ValueError(
            f"pair={pattern.pattern!r} must have a group, in parentheses, that is the name of the "
            "pair; 'stem' and 'none' are the other rules, and of a table its columns"
        )
    return pattern


def are_numbers(pairs: list[str]) -> bool:
    """Return whether names of pairs are mere numbers, so that they may be equal by chance."""
    return all(PurePath(pair).name.isdecimal() for pair in pairs)
