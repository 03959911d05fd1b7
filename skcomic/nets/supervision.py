"""Workers that are killed: which task was to blame, and what becomes of the others.

A worker that the system kills (for want of memory, say) takes all other workers of joblib with
it, and joblib does not say which task was the cause. So each task leaves a mark while it runs. The
tasks that were running when a worker died are tried again, each with nothing else running; the
one during which a process then dies once more fails. On a dask cluster, whose workers die one by
one, the scheduler knows which tasks they had: `ClusterBackend` tries those again.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from joblib import effective_n_jobs, parallel_config

from skcomic._compat.joblib import (
    LokyBackend,
    active_dask_backend,
    active_loky_backend,
    calls_in,
    exit_codes,
)
from skcomic._compat.sklearn import reset_subtasks
from skcomic.nets.workers import end_with_parent

_MAX_DEATHS = 2
_POLL_SECONDS = 0.1
_RUNNING, _DEATHS = ".running", ".deaths"


class SupervisedBackend(LokyBackend):
    """joblib's backend of worker processes, whose tasks leave marks while they run."""

    supervision: "Supervision | None" = None

    def compute_batch_size(self) -> int:
        """Return 1: each task has a mark of its own."""
        return 1

    def submit(self, func: Callable[[], Any], callback: Any = None) -> Any:
        """Schedule a task of joblib."""
        if self.supervision is not None:
            func = self.supervision.supervise(func)
        return super().submit(func, callback)


@contextmanager
def supervised_workers(n_jobs: int | None) -> Iterator[SupervisedBackend | None]:
    """Let joblib run its tasks in workers that may die.

    Those of joblib's own are supervised by `retry_on_worker_death`, those of a dask cluster one by
    one.

    Parameters
    ----------
    n_jobs : int or None
        As for joblib.

    Yields
    ------
    backend : SupervisedBackend or None
        None where tasks do not run in worker processes of joblib's own.
    """
    if (cluster := active_dask_backend()) is not None:
        from skcomic.nets.cluster import ClusterBackend  # imports dask

        with parallel_config(backend=ClusterBackend.like(cluster)):
            yield None
        return
    active = active_loky_backend()
    if active is None or effective_n_jobs(n_jobs) == 1:
        yield None
        return
    backend = SupervisedBackend(
        nesting_level=active.nesting_level,
        inner_max_num_threads=active.inner_max_num_threads,
        **active.backend_kwargs,
    )
    with parallel_config(backend=backend):
        yield backend


def retry_on_worker_death(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that evaluates candidates try again when workers are killed.

    Parameters
    ----------
    evaluate : callable
        scikit-learn's `evaluate_candidates`: it runs the same tasks in the same order each time.

    Returns
    -------
    evaluate : callable
        The same outside of `supervised_workers`, or where that gives no backend.
    """
    backend = active_loky_backend()
    if not isinstance(backend, SupervisedBackend):
        return evaluate

    def evaluate_again(*args: Any, **kwargs: Any) -> Any:
        n_unexplained = 0
        with tempfile.TemporaryDirectory(prefix="skcomic-", ignore_cleanup_errors=True) as folder:
            while True:
                backend.supervision = Supervision(Path(folder))
                try:
                    return evaluate(*args, **kwargs)
                except BrokenProcessPool as error:
                    # Every death adds to the count of a task, or to this one: there is an end.
                    if not _record_deaths(Path(folder), exit_codes(error)):
                        n_unexplained += 1
                        if n_unexplained == _MAX_DEATHS:
                            raise
                    reset_subtasks(kwargs.get("callback_ctx"))
                finally:
                    backend.supervision = None

    return evaluate_again


class Supervision:
    """The supervision of one evaluation: it numbers the tasks as they are submitted.

    Parameters
    ----------
    marks : Path
        A folder for the marks of the running tasks and the counts of deaths.
    """

    def __init__(self, marks: Path) -> None:
        self._marks = marks
        self._numbers = count()

    def supervise(self, batch: Callable[[], Any]) -> "SupervisedTask":
        """Wrap the next task."""
        return SupervisedTask(batch, self._marks, str(next(self._numbers)), os.getpid())


class SupervisedTask:
    """A task of joblib that leaves a mark in the worker while it runs.

    Parameters
    ----------
    batch : callable
        The task as joblib submits it.
    marks : Path
        The folder of marks.
    key : str
        Names the task, the same when it is tried again.
    parent : int
        The process that waits for the task; the worker ends when that one does.
    """

    def __init__(self, batch: Callable[[], Any], marks: Path, key: str, parent: int) -> None:
        self.batch = batch
        self.marks = marks
        self.key = key
        self.parent = parent

    def __call__(self) -> Any:
        end_with_parent(self.parent)
        if not self.marks.is_dir():  # nobody waits for this task any more
            return self.batch()
        deaths = _deaths(self.marks / f"{self.key}{_DEATHS}")
        if len(deaths) >= _MAX_DEATHS:
            fail_fits(self.batch, len(deaths), deaths[-1])
            return self.batch()
        with running_marker(self.marks, self.key, alone=bool(deaths)):
            return self.batch()


def fail_fits(batch: Any, n_deaths: int, how: str) -> None:
    """Let the fits in a task raise an error, which scikit-learn deals with as with any.

    Parameters
    ----------
    batch : BatchedCalls
        The task as joblib submits it; its estimators are changed.
    n_deaths : int
        How many processes have died of it, the last one while nothing else was trained.
    how : str
        What the last one died of.

    Raises
    ------
    ChildProcessError
        If the task is no fit: then it fails as a whole.
    """
    reason = (
        f"its process was killed {n_deaths} times ({how}), the last time while nothing else was "
        "trained; perhaps memory ran out"
    )
    calls = calls_in(batch)
    if not calls or not all(args and hasattr(args[0], "fit") for _, args, _ in calls):
        raise ChildProcessError(reason)
    for _, (estimator, *_), _ in calls:
        vars(estimator)["fit"] = partial(_raise_killed, reason)


def _raise_killed(reason: str, *_: Any, **__: Any) -> NoReturn:
    raise ChildProcessError(reason)


@contextmanager
def running_marker(marks: Path, key: str, *, alone: bool) -> Iterator[None]:
    """Mark a task as running.

    Parameters
    ----------
    marks : Path
        The folder of marks.
    key : str
        Names the task.
    alone : bool
        Whether to wait until no other task is running, and to keep others waiting meanwhile.
    """
    mark = marks / f"{key}{_RUNNING}"
    with (marks / "turn").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        # A mark beside the one that is alone is of a process that has just died: this process will
        # be ended with it, and must not be taken for the cause.
        while alone and any(other != mark for other in marks.glob(f"*{_RUNNING}")):
            fcntl.flock(turn, fcntl.LOCK_UN)
            time.sleep(_POLL_SECONDS)
            fcntl.flock(turn, fcntl.LOCK_EX)
        mark.write_text(str(os.getpid()))
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)


def _record_deaths(marks: Path, reason: str) -> bool:
    """Note a death for each task whose process has died; return whether there was one."""
    of_dead = [
        mark for mark in marks.glob(f"*{_RUNNING}") if not _process_exists(int(mark.read_text()))
    ]
    for mark in of_dead:
        with mark.with_suffix(_DEATHS).open("a") as file:
            file.write(f"{reason}\n")
        mark.unlink()
    return bool(of_dead)


def _deaths(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _process_exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # there is one, of another user
        pass
    return True
