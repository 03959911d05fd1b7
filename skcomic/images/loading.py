"""Image files -> rasters, read from the cache if they are stored there, else decoded."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from skcomic.images.cache import (
    RasterCache,
    file_state,
    file_states,
    is_settled,
    raster_keys,
)
from skcomic.images.decoding import (
    DEFAULT_RENDERING,
    ImageFailure,
    ImageReadError,
    PathLike,
    Rendering,
    read_rasters,
)
from skcomic.images.fetching import fetch_ahead
from skcomic.images.stored_rows import fill_stored_rows
from skcomic.images.urls import is_url, split_row_path

#: The highest grey level.
WHITE = 255

# Images that are read from the cache, decoded and stored in it at a time. A chunk costs a pool of
# threads and a transaction for each size; a process that is killed loses the decodes of one chunk.
# 4,096 JPEG files of 64x64 pixels and an empty cache, on two cores: 3.6 s in chunks of 32, 2.3 s
# of 128, 1.80 s of 512, 1.66 s of 2048, 1.63 s of 8192.
_CHUNK = 2048

# Batches of a chunk that threads decode. Pillow releases the interpreter lock while it decodes, so
# threads scale. With a few batches per thread, all threads are busy until the end, at little
# overhead.
_MAX_BATCHES = 64

# Of files in stores, batches are smaller, since their files are in memory before they are decoded,
# and chunks larger, since for each of them the folders of its files are listed twice.
_REMOTE_BATCH = 8
_MAX_REMOTE_CHUNKS = 4


def load_rasters(
    paths: Sequence[PathLike],
    sizes: Sequence[tuple[int, int]],
    rendering: Rendering = DEFAULT_RENDERING,
    *,
    n_jobs: int | None = None,
    cache: PathLike | None = None,
) -> list[np.ndarray]:
    """Read image files as grey rasters, from the cache if they are stored there.

    Parameters
    ----------
    paths : sequence of str or path-like
        The image files, or rows of stores. The rows of a chunk are read at once, and not stored
        in the cache.
    sizes : sequence of (int, int)
        Heights and widths of the rasters of each image, in pixels. Sizes that are resized from
        the same decoded image share one decode.
    rendering : Rendering, default=Rendering()
        The parameters of `read_raster`. Rasters that were stored with others are not used.
    n_jobs : int or None, default=None
        Number of threads that decode.
    cache : str, path-like or None, default=None
        Folder of the cache. If it cannot be used, a warning is issued and images are decoded.

    Returns
    -------
    rasters : list of ndarray of shape (n_images, height, width), uint8
        One array for each size, in the order of `paths`.

    Raises
    ------
    ImageReadError
        If files cannot be read. All files are read first, and the rasters of the others stored
        in the cache.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic import load_catalogue
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = make_comic_faces(3, size=64, out_dir=folder, random_state=0).paths
    ...     large, small = load_rasters(paths, [(16, 16), (8, 8)])
    >>> large.shape, small.shape
    ((6, 16, 16), (6, 8, 8))
    """
    rasters, failures = try_rasters(paths, sizes, rendering, n_jobs=n_jobs, cache=cache)
    if failures:
        raise ImageReadError(list(failures.values()), len(paths))
    return rasters


def try_rasters(
    paths: Sequence[PathLike],
    sizes: Sequence[tuple[int, int]],
    rendering: Rendering | None = DEFAULT_RENDERING,
    *,
    n_jobs: int | None = None,
    cache: PathLike | None = None,
) -> tuple[list[np.ndarray], dict[int, ImageFailure]]:
    """Read image files as `load_rasters` does, and return which ones cannot be read.

    Parameters
    ----------
    paths, sizes, n_jobs, cache
        As for `load_rasters`.
    rendering : Rendering or None, default=Rendering()
        As for `load_rasters`. None, to compare images: the default for files, while rows of
        stores are taken as they are.

    Returns
    -------
    rasters : list of ndarray of shape (n_images, height, width), uint8
        One array for each size; the rows of bad files have undefined values.
    failures : dict of int to ImageFailure
        Row and failure of each bad file, in the order of `paths`.
    """
    rasters = [np.empty((len(paths), *size), dtype=np.uint8) for size in sizes]
    files, failures = fill_stored_rows(paths, rasters, rendering, n_jobs)
    rendering = rendering or DEFAULT_RENDERING
    if len(files) < len(paths):
        of_files, failed = try_rasters(
            [paths[row] for row in files], sizes, rendering, n_jobs=n_jobs, cache=cache
        )
        for array, part in zip(rasters, of_files, strict=True):
            array[files] = part
        failures |= {int(files[row]): failure for row, failure in failed.items()}
        return rasters, dict(sorted(failures.items()))
    store = RasterCache.open(cache) if cache is not None else None
    n_chunk = _CHUNK
    if any(map(is_url, paths)):
        n_chunk = max(n_chunk, len(paths) // _MAX_REMOTE_CHUNKS)
    for start in range(0, len(paths), n_chunk):
        chunk = paths[start : start + n_chunk]
        parts = [array[start : start + n_chunk] for array in rasters]
        failed = _load_chunk(chunk, parts, rendering, n_jobs, store)
        failures |= {start + row: failed[row] for row in sorted(failed)}
    return rasters, failures


def height_and_width(size: Any) -> tuple[int, int]:
    """Return the sides of a raster, in pixels.

    Parameters
    ----------
    size : int or (int, int)
        The side of a square, or height and width.

    Returns
    -------
    height, width : int
        In pixels.
    """
    height, width = (size, size) if isinstance(size, Integral) else size
    return int(height), int(width)


def rasters_to_rows(rasters: np.ndarray) -> np.ndarray:
    """Make rows of grey levels in [0, 1] of rasters.

    Parameters
    ----------
    rasters : ndarray of shape (n_images, height, width), uint8
        Grey levels.

    Returns
    -------
    rows : ndarray of shape (n_images, height * width), float32
        A copy.
    """
    n_images, height, width = rasters.shape
    rows = rasters.reshape(n_images, height * width).astype(np.float32)
    rows /= WHITE
    return rows


def store_raster(
    cache: PathLike, path: PathLike, raster: np.ndarray, rendering: Rendering
) -> None:
    """Store a raster that was decoded elsewhere in a cache, unless its file was just written.

    Rows of stores are not stored: they are on a disk already.

    Parameters
    ----------
    cache : str or path-like
        Folder of the cache.
    path : str or path-like
        The image file. That of a URL is not stored: only a state of before it was read would do.
    raster : ndarray of shape (height, width), uint8
        As from `read_raster`.
    rendering : Rendering
        The parameters that it was made with.
    """
    if is_url(path) or split_row_path(path) is not None:
        return
    if is_settled(state := file_state(path), state):
        store = RasterCache.open(cache)
        store.write(raster_keys([state], raster.shape, rendering), raster[np.newaxis])
        store.count_decodes(1)


@contextmanager
def temporary_cache() -> Iterator[str]:
    """Create a folder for a cache, and delete it when the context ends."""
    with tempfile.TemporaryDirectory(prefix="skcomic-", ignore_cleanup_errors=True) as folder:
        try:
            yield folder
        finally:
            RasterCache.close(folder)


def _load_chunk(
    paths: Sequence[PathLike],
    rasters: list[np.ndarray],
    rendering: Rendering,
    n_jobs: int | None,
    store: "RasterCache | None",
) -> dict[int, ImageFailure]:
    """Fill the rasters of some images; return the rows that failed."""
    missing = np.ones((len(rasters), len(paths)), dtype=bool)
    if store:
        states = file_states(paths)
        keys = [raster_keys(states, part.shape[1:], rendering) for part in rasters]
        missing = np.array([~store.read(k, part) for k, part in zip(keys, rasters, strict=True)])
    rows = np.flatnonzero(missing.any(axis=0))
    if not len(rows):
        return {}
    n_batches = min(len(rows), _MAX_BATCHES)
    is_remote = any(is_url(paths[row]) for row in rows.tolist())
    if is_remote:
        n_batches = -(-len(rows) // _REMOTE_BATCH)
    batches = np.array_split(rows, n_batches)
    batch_size = 1 if is_remote else "auto"
    results = Parallel(
        n_jobs=n_jobs, prefer="threads", require="sharedmem", batch_size=batch_size
    )(
        delayed(_decode)(files, rasters, batch, missing, rendering)
        for batch, files in zip(batches, fetch_ahead(paths, batches), strict=True)
    )
    failed = {row: failure for _, failures in results for row, failure in failures.items()}
    if store:
        decoded_rows = [row for row in rows.tolist() if row not in failed]
        after = file_states([paths[row] for row in decoded_rows])
        settled_rows = [
            row
            for row, state in zip(decoded_rows, after, strict=True)
            if is_settled(states[row], state)
        ]
        for is_missing, part_keys, part in zip(missing, keys, rasters, strict=True):
            kept_rows = [row for row in settled_rows if is_missing[row]]
            store.write([part_keys[row] for row in kept_rows], part[kept_rows])
        store.count_decodes(sum(n_decodes for n_decodes, _ in results))
    return failed


def _decode(
    files: Sequence[PathLike],
    rasters: list[np.ndarray],
    rows: np.ndarray,
    missing: np.ndarray,
    rendering: Rendering,
) -> tuple[int, dict[int, ImageFailure]]:
    """Decode some images; return how often a file was decoded, and the rows that failed."""
    n_decodes, failures = 0, {}
    for row, file in zip(rows.tolist(), files, strict=True):
        targets = [
            part for part, is_missing in zip(rasters, missing[:, row], strict=True) if is_missing
        ]
        try:
            sizes = [target.shape[1:] for target in targets]
            decoded, n = read_rasters(file, sizes, rendering)
        except ImageReadError as error:
            failures[row] = error.failures[0]
            continue
        n_decodes += n
        for target, raster in zip(targets, decoded, strict=True):
            target[row] = raster
    return n_decodes, failures
