"""The command that repeats a study."""

import inspect
import shlex
from collections.abc import Callable, Mapping
from typing import Any

# They decide no outcome.
_OF_ONE_RUN = ("context", "images", "out", "cache", "jobs", "dask", "force", "resume")


def write_command(
    command: Callable[..., None], settings: Mapping[str, Any], names: Mapping[str, str]
) -> str:
    """Write the command line with all options that are not the defaults.

    Parameters
    ----------
    command : callable
        ``skcomic study``, whose signature has the options and their defaults.
    settings : mapping of str to object
        What the study was asked to do.
    names : mapping of str to str
        The settings of those options that have other names.

    Returns
    -------
    line : str
        As a shell takes it.
    """
    words = ["skcomic", "study"]
    if settings["images"]:
        words.append(settings["images"])
    for name, parameter in inspect.signature(command).parameters.items():
        value = settings.get(names.get(name, name))
        if isinstance(value, tuple | list):
            value = ",".join(map(str, value))
        if name in _OF_ONE_RUN or value is None or value == parameter.default:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(str(value))
    return shlex.join(words)
