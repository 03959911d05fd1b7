"""Functions that tests let the workers of a cluster run, which import them from here by name.

A task whose function a worker cannot import ends that worker.
"""

import tempfile

import pandas as pd

from skcomic.images.cache import RasterCache


def measure(number: int, images: pd.DataFrame, *, names: list[str]) -> tuple[int, int, int]:
    return number, len(images), len(names)


def has_folder(dask_worker) -> bool:
    """Return whether something of a study is left in the folder for temporary files."""
    opened = [folder for _, folder in RasterCache._instances]
    return any(folder.startswith(f"{tempfile.gettempdir()}/skcomic-") for folder in opened)
