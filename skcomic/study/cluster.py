"""A study on a dask cluster: its workers are asked for their version, and tidied up."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pkgutil import resolve_name

from skcomic._compat.joblib import active_dask_backend
from skcomic._version import __version__
from skcomic.images.cache import RasterCache
from skcomic.images.decoding import PathLike


@contextmanager
def tidy_workers(folders: list[PathLike]) -> Iterator[None]:
    """Delete folders at the end on all workers of the dask cluster that is active, if one is.

    Parameters
    ----------
    folders : list of str or path-like
        Temporary ones; workers on other machines have made their own, of the same names.

    Raises
    ------
    ImportError
        If workers have another version of skcomic, or none.
    """
    backend = active_dask_backend()
    if backend is None:
        yield
        return
    found = backend.client.run(resolve_name, "skcomic._version:__version__", on_error="return")
    if others := {str(version) for version in found.values()} - {__version__}:
        raise ImportError(
            f"the workers of the dask cluster must have skcomic {__version__}, as this process, "
            f"but some have another: {', '.join(sorted(others))}"
        )
    try:
        yield
    finally:
        if backend.client.status == "running":  # else the scheduler is lost
            backend.client.run(_delete, folders, on_error="ignore")


def _delete(folders: list[PathLike]) -> None:
    for folder in folders:
        RasterCache.close(folder)
        shutil.rmtree(folder, ignore_errors=True)
