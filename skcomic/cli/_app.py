"""What all commands share: the app that they are of, and plain words for errors."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from skcomic._version import __version__
from skcomic.study.folder import finished_parts, working_folder

app = typer.Typer(
    help="Cheap, proven image classifiers inside scikit-learn.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_STOPPED_BY_CTRL_C = 130
_WIDTH_WHEN_PIPED = 100


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"skcomic {__version__}")
        raise typer.Exit


@app.callback()
def _commands(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Cheap, proven image classifiers inside scikit-learn."""


def plain_console() -> Console:
    """Print to the terminal as it is, and to a pipe in lines of one width.

    Text of the user's, such as names of folders, is never markup.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name need not be UTF-8
    width = None if sys.stdout.isatty() else _WIDTH_WHEN_PIPED
    return Console(width=width, highlight=False, markup=False, emoji=False)


def check_option(name: str, value: object, is_valid: bool, rule: str) -> None:
    """Refuse a value that an option must not have.

    Parameters
    ----------
    name : str
        The option as it is typed.
    value : object
        Its value.
    is_valid : bool
        Whether it may have that value.
    rule : str
        What the value must be.

    Raises
    ------
    ValueError
        If it is not valid.
    """
    if not is_valid:
        raise ValueError(f"{name} must be {rule}, not {value!r}")


def check_jobs(jobs: int) -> None:
    """Refuse a number of jobs that joblib does not take."""
    check_option("--jobs", jobs, jobs != 0, "1 or more, or -1 for one on each core")


def check_parent_exists(name: str, file: Path | None) -> None:
    """Refuse a file in a folder that does not exist."""
    if file is not None and not file.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {name} {str(file)!r}: there is no folder {str(file.parent)!r}"
        )


def check_is_no_file(name: str, folder: Path | None) -> None:
    """Refuse a file where an option names a folder."""
    is_file = folder is not None and folder.exists() and not folder.is_dir()
    check_option(name, str(folder), not is_file, "a folder")


@contextmanager
def plain_errors(out: Path | None = None) -> Iterator[None]:
    """Say what went wrong in a sentence, not in a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        message = "stopped"
        if out is not None and out.is_dir():
            working = working_folder(out)
            parts = ", ".join(finished_parts(working))
            message += (
                f"; the finished parts are in {working}: {parts or 'none yet'}; resume with: "
                f"skcomic study --resume {out}"
            )
        typer.echo(f"skcomic: {message}", err=True)
        raise typer.Exit(_STOPPED_BY_CTRL_C) from None
    except (ValueError, OSError, MemoryError, ImportError) as error:
        advice = ""
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            advice = "; free some space or name a folder on another disk"
        typer.echo(f"skcomic: {error}{advice}", err=True)
        raise typer.Exit(1) from error
