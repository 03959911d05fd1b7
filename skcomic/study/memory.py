"""How a study fits into memory, before anything large is loaded."""

import numpy as np

from skcomic.catalogue.footprint import available_memory
from skcomic.study.settings import StudySettings

# Measured with TensorFlow 2.21: a process holds 0.73 GB after a first small fit, and a fit on
# 120,000 rows of 32x32 pixels at its peak 2.98 times the bytes of the rows. One in chunks of 4096
# of them holds at its peak 9 times the bytes of a chunk: up to four are read or trained on, and
# TensorFlow copies them.
_PROCESS_BYTES = 750_000_000
_COPIES_OF_ROWS = 3
_CHUNKS_AT_ONCE = 9
# Of an image in the catalogue, its hashes, and the search for duplicates: 616 bytes at their peak.
_BYTES_PER_IMAGE = 750

#: So many images are a chunk where the study chooses: of 64x64 pixels, 67 MB.
CHUNK_IMAGES = 4096


def plan_memory(
    n_images: dict[str, int],
    settings: StudySettings,
    n_workers: int,
    n_contenders: int,
    limit: int | None = None,
) -> tuple[int | None, int]:
    """Choose how the fits of a study fit into memory.

    Whether they are made in chunks does not depend on the number of workers, since it decides
    what comes out.

    Parameters
    ----------
    n_images : dict of str to int
        Numbers of images in `search`, `train`, `validation` and `test`.
    settings : StudySettings
        `chunk_images` may be "auto".
    n_workers : int
        The most fits side by side.
    n_contenders : int
        Fits in the search.
    limit : int, default=None
        Bytes that a fit can have elsewhere, if that is known: the last one is made here.

    Returns
    -------
    chunk_images : int or None
        Images of a chunk; None: all rows of a fit are in memory.
    n_workers : int
        How many fits side by side fit into memory.

    Raises
    ------
    MemoryError
        If one does not; the message gives the figures.
    """
    available = min(filter(None, (available_memory(), limit)), default=None)
    given = settings.chunk_images
    for chunk_images in (None, CHUNK_IMAGES) if given == "auto" else (given,):
        for n_side_by_side in range(n_workers, 0, -1):
            needed = _count_bytes(n_images, settings, n_side_by_side, n_contenders, chunk_images)
            if available is None or needed <= available:
                return chunk_images, n_side_by_side
    assert available is not None
    advice = "smaller sizes or fewer images"
    if given is None:
        advice += ", or let it train in chunks (chunk_images='auto')"
    elif given != "auto":
        advice += f", or smaller chunks than {given} images"
    raise MemoryError(
        f"the study needs about {needed / 1e9:.1f} GB of memory, even with one fit at a time, but "
        f"only {available / 1e9:.1f} GB are available; take {advice}"
    )


def _count_bytes(
    n_images: dict[str, int],
    settings: StudySettings,
    n_workers: int,
    n_contenders: int,
    chunk_images: int | None,
) -> int:
    """Estimate the memory that a study takes at its peak, with so many fits side by side."""
    size = max(settings.sizes)
    bytes_per_row = size * size * np.dtype(np.float32).itemsize
    n_side_by_side = min(n_workers, max(n_contenders, len(settings.sizes)))
    if chunk_images is None:
        n_rows = _COPIES_OF_ROWS * max(
            min(n_workers, n_contenders) * n_images["search"],
            min(n_workers, len(settings.sizes)) * n_images["train"],
            n_images["train"] + n_images["validation"],
        )
        n_rows += n_images["test"]
    else:
        n_fitted = n_images["train"] + n_images["validation"]
        n_rows = _CHUNKS_AT_ONCE * min(chunk_images, n_fitted) * n_side_by_side
    n_processes = 1 if n_workers == 1 else n_workers + 1
    n_all = sum(n_images[part] for part in ("train", "validation", "test"))
    return n_rows * bytes_per_row + n_processes * _PROCESS_BYTES + n_all * _BYTES_PER_IMAGE
