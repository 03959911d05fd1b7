"""Whether a study fits into memory, before anything large is loaded."""

import numpy as np

from skcomic.catalogue.footprint import available_memory
from skcomic.study.settings import StudySettings

# Measured with TensorFlow 2.21: a process holds 0.73 GB after a first small fit, and a fit on
# 120,000 rows of 32x32 pixels at its peak 2.98 times the bytes of the rows.
_PROCESS_BYTES = 750_000_000
_COPIES_OF_ROWS = 3


def check_memory(
    n_images: dict[str, int], settings: StudySettings, n_workers: int, n_contenders: int
) -> None:
    """Make sure that the fits of a study fit into memory.

    Parameters
    ----------
    n_images : dict of str to int
        Numbers of images in `search`, `train`, `validation` and `test`.
    settings : StudySettings
        The settings.
    n_workers : int
        Fits side by side.
    n_contenders : int
        Fits in the search.

    Raises
    ------
    MemoryError
        If they do not; the message gives the figures.
    """
    n_rows = max(
        min(n_workers, n_contenders) * n_images["search"],
        min(n_workers, len(settings.sizes)) * n_images["train"],
        n_images["train"] + n_images["validation"],
    )
    size = max(settings.sizes)
    bytes_per_row = size * size * np.dtype(np.float32).itemsize
    rows = (_COPIES_OF_ROWS * n_rows + n_images["test"]) * bytes_per_row
    n_processes = 1 if n_workers == 1 else n_workers + 1
    needed = rows + n_processes * _PROCESS_BYTES
    available = available_memory()
    if available is not None and needed > available:
        n_all = sum(n_images[part] for part in ("train", "validation", "test"))
        raise MemoryError(
            f"the study needs about {needed / 1e9:.1f} GB of memory ({n_all} images at "
            f"{size}x{size}: {n_all * bytes_per_row / 1e6:.1f} MB as float32, held by up to "
            f"{n_workers} workers), but only {available / 1e9:.1f} GB are available; "
            "take smaller sizes, fewer jobs or fewer images"
        )
