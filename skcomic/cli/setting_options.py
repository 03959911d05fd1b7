"""An option of the command line for each setting of a study."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import Field, fields
from typing import Annotated, Any, get_type_hints

import typer

from skcomic.study.settings import StudySettings, check_setting

_SIZES = "sizes"
# Typer does not take an option of two types.
_TEXTS_OR_NUMBERS = ("background", "chunk_images", "contenders", "tolerance", "validation")


def option_name(setting: "Field[Any]") -> str:
    """Return what the option of a setting is called, with underscores.

    Parameters
    ----------
    setting : Field
        A field of `StudySettings`.

    Returns
    -------
    name : str
        Such as ``candidates`` for `n_candidates`.
    """
    return setting.metadata["option"] or setting.name


def with_setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting after its option `out`, for its ``**options``.

    Parameters
    ----------
    command : callable
        Takes the values as keyword arguments, which `read_setting_options` reads.

    Returns
    -------
    command : callable
        The same, with the signature that typer makes options of.
    """
    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            parameters.append(parameter)
        if parameter.name == "out":
            parameters += _options()
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _options() -> list[inspect.Parameter]:
    types = get_type_hints(StudySettings)
    options = []
    for setting in fields(StudySettings):
        kind: Any = types[setting.name]
        default = setting.default
        if setting.name == _SIZES:  # typer would take a list as several options
            kind, default = str, ",".join(map(str, StudySettings.sizes))
        elif setting.name in _TEXTS_OR_NUMBERS:
            kind = str | None
        hint = Annotated[kind, typer.Option(help=setting.metadata["help"])]
        options.append(
            inspect.Parameter(
                option_name(setting),
                inspect.Parameter.KEYWORD_ONLY,
                default=default,
                annotation=hint,
            )
        )
    return options


def read_setting_options(options: dict[str, Any]) -> dict[str, Any]:
    """Make settings of the values of the options.

    Parameters
    ----------
    options : dict of str to object
        What a command was given for the options of `with_setting_options`.

    Returns
    -------
    settings : dict of str to object
        By the names of `StudySettings`.

    Raises
    ------
    ValueError
        If a setting must not have its value; the message begins with the option as it is typed.
    """
    return {
        setting.name: read_setting(setting.name, options[option_name(setting)])
        for setting in fields(StudySettings)
    }


def read_setting(name: str, value: Any) -> Any:
    """Make one setting of the value of its option.

    Parameters
    ----------
    name : str
        A field of `StudySettings`.
    value : object
        What a command was given.

    Returns
    -------
    value : object
        That of the setting.

    Raises
    ------
    ValueError
        As for `read_setting_options`.
    """
    (setting,) = (each for each in fields(StudySettings) if each.name == name)
    if name == _SIZES:
        value = _parse_sizes(value)
    elif name in _TEXTS_OR_NUMBERS:
        value = _parse_number(value)
    check_setting(setting, value, f"--{option_name(setting).replace('_', '-')}")
    return value


def _parse_number(text: str | None) -> int | float | str | None:
    for kind in (int, float):
        with suppress(TypeError, ValueError):
            return kind(text)  # type: ignore[arg-type]
    return text


def _parse_sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        raise ValueError(
            f"--sizes takes whole numbers with commas, such as 64,32, not {text!r}"
        ) from None
