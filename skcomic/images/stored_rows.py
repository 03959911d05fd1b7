"""Paths of rows of stores -> rasters, where all rows of a chunk are read at once."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from PIL import Image

from skcomic.images.decoding import ImageFailure, PathLike, Rendering, resize_grey
from skcomic.images.raster_store import RasterStore, normalize_place
from skcomic.images.urls import split_row_path


class _Chunk(NamedTuple):
    """Rows of one chunk of a store, and where in the list of paths they are."""

    store: RasterStore
    number: int
    rows: np.ndarray
    positions: np.ndarray


def fill_stored_rows(
    paths: Sequence[PathLike],
    rasters: list[np.ndarray],
    rendering: Rendering | None,
    n_jobs: int | None,
) -> tuple[np.ndarray, dict[int, ImageFailure]]:
    """Read those of some paths that are rows of stores.

    Parameters
    ----------
    paths : sequence of str or path-like
        Of rows and of files.
    rasters : list of ndarray of shape (n_images, height, width), uint8
        One array for each size, to be filled; smaller rasters than those of the store are resized
        from them.
    rendering : Rendering or None
        What the rasters of the store must have been made with. None: they are taken as they are,
        and also made larger.
    n_jobs : int or None
        Number of threads.

    Returns
    -------
    files : ndarray of shape (n_files,), int
        The positions of the paths of files, which are not filled.
    failures : dict of int to ImageFailure
        Position and failure of each row that a store does not have.

    Raises
    ------
    ValueError
        If the rasters cannot be made of those of a store.
    OSError
        If a chunk is damaged.
    """
    files, chunks, failures = _group(paths)
    if rendering is not None:
        for store in {chunk.store for chunk in chunks}:
            sizes = [array.shape[1:] for array in rasters]
            store.check(sizes, rendering.resample, rendering.background)

    def fill(chunk: _Chunk) -> None:
        stored = chunk.store.read_chunk(chunk.number)[chunk.rows]
        made_with = Rendering(resample=chunk.store.attributes["resample"])
        for array in rasters:
            array[chunk.positions] = _resize_all(stored, array.shape[1:], made_with)

    _for_each(fill, chunks, n_jobs)
    return files, failures


def digest_stored_rows(paths: Sequence[PathLike], n_jobs: int | None = None) -> dict[int, bytes]:
    """Hash the rasters, and the store's size, of those of some paths that are rows of stores.

    Parameters
    ----------
    paths : sequence of str or path-like
        Of rows and of files.
    n_jobs : int or None, default=None
        Number of threads.

    Returns
    -------
    digests : dict of int to bytes
        For the positions of rows that are there.
    """
    _, chunks, _ = _group(paths)
    digests: dict[int, bytes] = {}

    def digest(chunk: _Chunk) -> None:
        stored = chunk.store.read_chunk(chunk.number)
        size = b"%d %d" % stored.shape[1:]
        for position, row in zip(chunk.positions.tolist(), chunk.rows.tolist(), strict=True):
            digests[position] = blake2b(stored[row].tobytes(), salt=size).digest()

    _for_each(digest, chunks, n_jobs)
    return digests


def _for_each(do: Callable[[_Chunk], None], chunks: list[_Chunk], n_jobs: int | None) -> None:
    Parallel(n_jobs=n_jobs, prefer="threads", require="sharedmem")(map(delayed(do), chunks))


def _group(
    paths: Sequence[PathLike],
) -> tuple[np.ndarray, list[_Chunk], dict[int, ImageFailure]]:
    """Tell rows of stores from files, and put those of one chunk together."""
    of_place: dict[str, tuple[list[int], list[int]]] = {}
    is_file = np.ones(len(paths), dtype=bool)
    for position, path in enumerate(paths):
        if (parts := split_row_path(path)) is not None:
            positions, rows = of_place.setdefault(parts[0], ([], []))
            positions.append(position)
            rows.append(parts[1])
    chunks: list[_Chunk] = []
    failures: dict[int, ImageFailure] = {}
    for place, (positions, rows) in of_place.items():
        if (store := RasterStore.open(normalize_place(place))) is None:
            continue
        is_file[positions] = False
        there = [store.has(row) for row in rows]
        for position, is_there in zip(positions, there, strict=True):
            if not is_there:
                reason = "the store has no such row"
                failures[position] = ImageFailure(str(paths[position]), "missing", reason)
        chunks += _divide(store, np.array(positions)[there], np.array(rows)[there])
    return np.flatnonzero(is_file), chunks, failures


def _divide(store: RasterStore, positions: np.ndarray, rows: np.ndarray) -> Iterator[_Chunk]:
    numbers = rows // store.chunk_images
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    for part in np.split(order, starts[1:]):
        if len(part):
            number = int(numbers[part[0]])
            yield _Chunk(store, number, rows[part] % store.chunk_images, positions[part])


def _resize_all(
    rasters: np.ndarray, size: tuple[int, ...], made_with: Rendering
) -> np.ndarray | list[np.ndarray]:
    height, width = size
    if rasters.shape[1:] == (height, width):
        return rasters
    return [resize_grey(Image.fromarray(raster), (height, width), made_with) for raster in rasters]
