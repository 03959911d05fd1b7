"""Images in stores are read ahead of the threads that decode them, many at a time."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np

from skcomic.images.decoding import PathLike
from skcomic.images.remote import IN_FLIGHT, RemoteFile, Stores
from skcomic.images.urls import is_url

# Files that are read, or being read, beyond the one that is waited for: with more than are in
# flight, a slow answer does not stop the others.
_AHEAD = 2 * IN_FLIGHT


def fetch_ahead(
    paths: Sequence[PathLike], batches: Iterable[np.ndarray]
) -> Iterator[list[PathLike]]:
    """Read the images in stores among some files, in the order in which they are needed.

    Parameters
    ----------
    paths : sequence of str or path-like
        The image files.
    batches : iterable of ndarray of shape (n_rows,), int
        The rows of `paths` that are needed together.

    Yields
    ------
    files : list of str or path-like
        Those of a batch: local paths as they are, and a `RemoteFile` that is read for a URL.
    """
    batches = list(batches)
    if not any(is_url(paths[row]) for batch in batches for row in batch):
        for batch in batches:
            yield [paths[row] for row in batch]
        return
    stores = Stores()

    def fetch(path: PathLike) -> PathLike:
        return RemoteFile(str(path), stores).fetch() if is_url(path) else path

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        started = (pool.submit(fetch, paths[row]) for batch in batches for row in batch)
        waiting = deque(islice(started, _AHEAD))
        try:
            for batch in batches:
                files = []
                for _ in batch:
                    files.append(waiting.popleft().result())
                    waiting.extend(islice(started, 1))
                yield files
        finally:
            pool.shutdown(cancel_futures=True)
