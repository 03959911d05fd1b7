"""joblib: its backend of worker processes, and what a task of it consists of."""

import re
from collections.abc import Callable
from typing import Any

from joblib.parallel import LokyBackend, get_active_backend

__all__ = ["LokyBackend", "active_loky_backend", "calls_in", "exit_codes"]


def active_loky_backend() -> LokyBackend | None:
    """Return the backend of joblib where that runs tasks in worker processes of its own.

    Returns
    -------
    backend : LokyBackend or None
        None where another one is active: threads, a dask cluster, or no parallelism.
    """
    backend, _ = get_active_backend()
    return backend if isinstance(backend, LokyBackend) else None


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
