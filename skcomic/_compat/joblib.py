"""joblib: its backends of worker processes, these processes, and what a task consists of."""

import math
import multiprocessing
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from joblib.externals.loky import process_executor
from joblib.externals.loky.backend.process import LokyProcess
from joblib.parallel import LokyBackend, get_active_backend

__all__ = [
    "LokyBackend",
    "active_dask_backend",
    "active_loky_backend",
    "calls_in",
    "exit_codes",
    "follow_working_directory",
    "keep_worker_process",
    "threads_of_dask_worker",
]


def active_loky_backend() -> LokyBackend | None:
    """Return the backend of joblib where that runs tasks in worker processes of its own.

    Returns
    -------
    backend : LokyBackend or None
        None where another one is active: threads, a dask cluster, or no parallelism.
    """
    backend, _ = get_active_backend()
    return backend if isinstance(backend, LokyBackend) else None


def active_dask_backend() -> Any:
    """Return the backend of joblib where that runs tasks on a dask cluster.

    Returns
    -------
    backend : DaskDistributedBackend or None
        None where another one is active. Its attribute `client` is the client of the cluster.
    """
    dask = sys.modules.get("joblib._dask")  # to import it takes a second
    backend, _ = get_active_backend()
    return backend if dask and isinstance(backend, dask.DaskDistributedBackend) else None


def threads_of_dask_worker() -> int | None:
    """Return how many threads the dask worker has that this task runs in; None elsewhere."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return int(distributed.get_worker().state.nthreads)
    except ValueError:  # this is no task of dask
        return None


def calls_in(batch: Any) -> list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]:
    """Return the calls that a batch of joblib consists of.

    Parameters
    ----------
    batch : BatchedCalls
        What a backend is given to be submitted.

    Returns
    -------
    calls : list of (callable, tuple, dict)
        Functions with their arguments; empty where joblib keeps them in another way.
    """
    return list(getattr(batch, "items", []))


def exit_codes(error: Exception) -> str:
    """Shorten what joblib says about the death of a worker, to such as ``SIGKILL(-9)``.

    Parameters
    ----------
    error : Exception
        A BrokenProcessPool or its subclass.

    Returns
    -------
    codes : str
        The name of the exception where it names no exit codes.
    """
    codes = re.search(r"exit codes of the workers are \{(.*?)\}", str(error))
    return codes[1] if codes else type(error).__name__


def follow_working_directory() -> None:
    """Give a worker process of joblib the working directory that its parent has now.

    Workers are used again after the parent has gone to another folder: relative paths that it
    sends them would be of the former one. Other processes are left alone, and so are workers on
    systems without ``/proc``.
    """
    if not isinstance(multiprocessing.current_process(), LokyProcess):
        return
    with suppress(OSError):
        folder = os.readlink(f"/proc/{os.getppid()}/cwd")  # noqa: PTH115
        if folder != os.readlink("/proc/self/cwd"):  # noqa: PTH115
            os.chdir(folder)


def keep_worker_process() -> None:
    """Keep joblib from replacing this process, if it is a worker, because its memory grows.

    Where psutil is installed, joblib takes a growth by 300 MB for a leak. TensorFlow and the rows
    of a few thousand images take more; another process would need as much, and three seconds to
    start.
    """
    process_executor._MAX_MEMORY_LEAK_SIZE = math.inf
