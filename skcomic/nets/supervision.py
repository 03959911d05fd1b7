"""Workers that are killed: which fit was to blame, and what becomes of the others.

A worker that the system kills (for want of memory, say) takes all other workers of joblib with
it, and nothing tells which fit was to blame. So each fit leaves a mark while it trains. The fits
that were under way when a worker died are tried again, each with nothing beside it; the one
during which a process dies then once more is given up.
"""

import fcntl
import os
import platform
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skcomic.images.decoding import PathLike

_MAX_DEATHS = 2
_POLL_SECONDS = 0.1
_RUNNING, _DEATHS = ".under-way", ".deaths"


class SupervisedFolder(os.PathLike[str]):
    """A folder of kept fits, and another one in which fits leave marks while they train.

    Parameters
    ----------
    folder : str or path-like
        The folder of kept fits.
    marks : Path
        Of this search alone. Where it does not exist (a worker on another machine), fits are
        not supervised.
    """

    def __init__(self, folder: PathLike, marks: Path) -> None:
        self.folder = os.fspath(folder)
        self.marks = marks
        self.parent = os.getpid()
        self.machine = platform.node()

    def __fspath__(self) -> str:
        return self.folder

    def __repr__(self) -> str:
        return repr(self.folder)


@contextmanager
def supervised_folder(folder: PathLike | None) -> Iterator[SupervisedFolder]:
    """Let the fits of one search be supervised.

    Parameters
    ----------
    folder : str, path-like or None
        The folder of kept fits. None: one that is deleted afterwards.

    Yields
    ------
    folder : SupervisedFolder
        For the parameter `checkpoint_dir` of the classifiers.
    """
    with tempfile.TemporaryDirectory(prefix="skcomic-", ignore_cleanup_errors=True) as temporary:
        marks = Path(temporary)
        yield SupervisedFolder(marks / "fits" if folder is None else folder, marks)


@contextmanager
def running_marker(folder: PathLike, key: str) -> Iterator[None]:
    """Mark a fit as under way; one that was under way when a worker died waits to be alone.

    Parameters
    ----------
    folder : str or path-like
        The parameter `checkpoint_dir` of the classifier.
    key : str
        Names the fit.

    Raises
    ------
    ChildProcessError
        If a process has died twice during this fit.
    """
    if not isinstance(folder, SupervisedFolder) or not folder.marks.is_dir():
        yield
        return
    deaths = _deaths(folder.marks / f"{key}{_DEATHS}")
    if len(deaths) >= _MAX_DEATHS:
        raise ChildProcessError(
            f"its process was killed {len(deaths)} times ({deaths[-1]}), the last time while "
            "nothing else was trained; perhaps memory ran out"
        )
    with (folder.marks / "turn").open("a") as turn:
        mark = folder.marks / f"{key}{_RUNNING}"
        fcntl.flock(turn, fcntl.LOCK_EX if deaths else fcntl.LOCK_SH)
        # A mark beside one that is alone is of a process that has just died: this one will be
        # ended with it, and must not be taken for the cause.
        while deaths and any(other != mark for other in folder.marks.glob(f"*{_RUNNING}")):
            fcntl.flock(turn, fcntl.LOCK_UN)
            if is_orphan(folder):
                raise ChildProcessError("the process that waited for this fit has died")
            time.sleep(_POLL_SECONDS)
            fcntl.flock(turn, fcntl.LOCK_EX)
        mark.write_text(str(os.getpid()))
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)


def is_orphan(folder: PathLike | None) -> bool:
    """Tell whether this is a worker whose search was killed: nobody waits for it any more."""
    if not isinstance(folder, SupervisedFolder) or not folder.marks.is_dir():
        return False
    return folder.machine == platform.node() and not _process_exists(folder.parent)


def retry_on_worker_death(
    evaluate: Callable[..., Any], folder: PathLike | None
) -> Callable[..., Any]:
    """Make of scikit-learn's `evaluate_candidates` one that goes on when workers are killed.

    What is finished is in the folder of kept fits, so only the others are trained again.

    Parameters
    ----------
    evaluate : callable
        Fits and scores candidates.
    folder : str, path-like or None
        The parameter `checkpoint_dir` of the classifiers.

    Returns
    -------
    evaluate : callable
        The same where the folder is not a `SupervisedFolder`.
    """
    if not isinstance(folder, SupervisedFolder):
        return evaluate
    marks = folder.marks

    def evaluate_again(*args: Any, **kwargs: Any) -> Any:
        n_deaths_without_mark = 0
        while True:
            try:
                return evaluate(*args, **kwargs)
            except BrokenProcessPool as error:  # dask tries again by itself, then gives up
                # Every death adds to the count of a fit, or to this one: there is an end to it.
                if not _record_deaths(marks, _reason(error)):
                    n_deaths_without_mark += 1
                    if n_deaths_without_mark == _MAX_DEATHS:
                        raise
                # scikit-learn's callbacks (since 1.9) must take the same tasks once more.
                getattr(kwargs.get("callback_ctx"), "_children_map", {}).clear()

    return evaluate_again


def _record_deaths(marks: Path, reason: str) -> bool:
    """Note a death for each fit that was under way; tell whether there was one."""
    marks_of_dead = [
        mark for mark in marks.glob(f"*{_RUNNING}") if not _process_exists(int(mark.read_text()))
    ]
    for mark in marks_of_dead:
        with mark.with_suffix(_DEATHS).open("a") as file:
            file.write(f"{reason}\n")
        mark.unlink()
    return bool(marks_of_dead)


def _deaths(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _reason(error: Exception) -> str:
    """Shorten what joblib tells, to such as ``SIGKILL(-9)``."""
    codes = re.search(r"exit codes of the workers are \{(.*?)\}", str(error))
    return codes[1] if codes else type(error).__name__


def _process_exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # there is one, of another user
        pass
    return True
