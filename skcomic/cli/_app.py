"""What all commands share: the app that they are of, and plain words for errors."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

from skcomic.study.folder import finished_parts

app = typer.Typer(
    help="Cheap, proven image classifiers inside scikit-learn.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_STOPPED_BY_CTRL_C = 130
_WIDTH_WHEN_PIPED = 100


@app.callback()
def _commands() -> None:
    """Cheap, proven image classifiers inside scikit-learn."""


def plain_console() -> Console:
    """Print to the terminal as it is, and to a pipe in lines of one width."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH_WHEN_PIPED, highlight=False)


@contextmanager
def plain_errors(out: Path | None = None) -> Iterator[None]:
    """Say what went wrong in a sentence, not in a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        message = "stopped"
        if out is not None and out.is_dir():
            parts = ", ".join(finished_parts(out))
            message += (
                f"; the finished parts are in {out}: {parts or 'none yet'}; resume with: "
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
