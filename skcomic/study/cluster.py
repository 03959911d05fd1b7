"""A study on a dask cluster: its workers are asked for version and memory, and tidied up."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any

from skcomic._compat.joblib import active_dask_backend
from skcomic._version import __version__
from skcomic.images.cache import RasterCache
from skcomic.images.decoding import PathLike


def check_versions() -> None:
    """Look whether the workers of the dask cluster that is active, if one is, have this version.

    Raises
    ------
    ImportError
        If workers have another version of skcomic, or none.
    """
    backend = active_dask_backend()
    if backend is None:
        return
    found = backend.client.run(resolve_name, "skcomic._version:__version__", on_error="return")
    if others := {str(version) for version in found.values()} - {__version__}:
        raise ImportError(
            f"the workers of the dask cluster must have skcomic {__version__}, as this process, "
            f"but some have another: {', '.join(sorted(others))}"
        )


def memory_of_fits() -> int | None:
    """Return the memory that each fit can have on the dask cluster that is active, if one is.

    Returns
    -------
    n_bytes : int or None
        The least that a thread of a worker has, by the limit of the worker. None without a
        cluster, or where no worker has a limit.
    """
    backend = active_dask_backend()
    limits = backend.client.run(_memory_per_thread).values() if backend else ()
    return min((limit for limit in limits if limit is not None), default=None)


@contextmanager
def tidy_workers(folders: list[PathLike]) -> Iterator[None]:
    """Delete folders at the end on all workers of the dask cluster that is active, if one is.

    Parameters
    ----------
    folders : list of str or path-like
        Temporary ones; workers on other machines have made their own, of the same names.
    """
    backend = active_dask_backend()
    if backend is None:
        yield
        return
    try:
        yield
    finally:
        if backend.client.status == "running":  # else the scheduler is lost
            backend.client.run(_delete, folders, on_error="ignore")


def _memory_per_thread(dask_worker: Any) -> int | None:
    limit = dask_worker.memory_manager.memory_limit
    return limit and int(limit) // dask_worker.state.nthreads


def _delete(folders: list[PathLike]) -> None:
    for folder in folders:
        RasterCache.close(folder)
        shutil.rmtree(folder, ignore_errors=True)
