"""The chunks of a catalogue, and a thread that reads each while the one before is trained on."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from threading import Event
from typing import Any, Self

import numpy as np
import pandas as pd

# Images that are read at once: a Ctrl-C waits for them.
_PIECE = 256


def cut_chunks(codes: np.ndarray, chunk_images: int, *, mixed: bool) -> list[np.ndarray]:
    """Cut a catalogue into chunks of nearly equal size.

    Parameters
    ----------
    codes : ndarray of shape (n_images,), int
        For each image the index of its class.
    chunk_images : int
        The largest number of images of a chunk.
    mixed : bool
        Whether each chunk has its share of each class, of images that follow each other in the
        catalogue. Otherwise all its images follow each other.

    Returns
    -------
    chunks : list of ndarray of int
        Rows of the catalogue, which increase in each chunk.

    Examples
    --------
    >>> codes = np.array([0, 0, 1, 1, 1, 1])
    >>> [chunk.tolist() for chunk in cut_chunks(codes, 3, mixed=True)]
    [[0, 2, 3], [1, 4, 5]]
    """
    order = np.arange(len(codes), dtype=np.int32)
    if mixed:
        order = np.argsort(codes, kind="stable").astype(np.int32)
        counts = np.bincount(codes)
        # Where each image is among those of its class, from 0 to 1.
        places = np.concatenate([(np.arange(count) + 0.5) / count for count in counts if count])
        order = order[np.argsort(places, kind="stable")]
    n_chunks = math.ceil(len(codes) / chunk_images)
    return [np.sort(rows) for rows in np.array_split(order, n_chunks)]


class ChunkReader:
    """An iterator that reads one chunk ahead, in a thread that ends with its context.

    Parameters
    ----------
    read : callable
        Takes an element of `visits` and a function that raises an error if the reading is to
        end; returns the chunk.
    visits : iterator
        What is read, one after the other.
    """

    def __init__(
        self, read: Callable[[Any, Callable[[], None]], Any], visits: Iterator[Any]
    ) -> None:
        self._read = read
        self._visits = visits
        self._closed = Event()
        self._thread = ThreadPoolExecutor(1)
        self._next = self._start()

    def _start(self) -> Future[Any] | None:
        for visit in self._visits:
            return self._thread.submit(self._read, visit, self._check_open)
        return None

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise CancelledError

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if self._next is None:
            raise StopIteration
        chunk = self._next.result()
        self._next = self._start()
        return chunk

    def wait(self, seconds: float) -> bool:
        """Wait until the next chunk is read, for so long at most; return whether it is."""
        return self._next is None or bool(wait([self._next], seconds).done)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.shutdown(cancel_futures=True)


def transform_in_pieces(
    vectorizer: Any, paths: pd.Series, check_open: Callable[[], None]
) -> np.ndarray:
    """Turn paths into rows by a transformer that learns nothing, unless it is to end."""
    first = np.asarray(vectorizer.transform(paths.iloc[:_PIECE]))
    rows = np.empty((len(paths), *first.shape[1:]), first.dtype)
    rows[:_PIECE] = first
    for start in range(_PIECE, len(paths), _PIECE):
        check_open()
        rows[start : start + _PIECE] = vectorizer.transform(paths.iloc[start : start + _PIECE])
    return rows
