"""The sizes of image files and digests of their contents, by which equal ones are found."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from skcomic.images.decoding import PathLike
from skcomic.images.fetching import fetch_ahead
from skcomic.images.opening import read_file
from skcomic.images.remote_states import remote_sizes
from skcomic.images.urls import is_url


def file_sizes(paths: Sequence[PathLike]) -> list[int | None]:
    """Return the sizes of files.

    Parameters
    ----------
    paths : sequence of str or path-like
        Image files that can be read.

    Returns
    -------
    sizes : list of int or None
        In bytes; None where a store does not tell.
    """
    of_urls = iter(remote_sizes([os.fspath(path) for path in paths if is_url(path)]))
    return [next(of_urls) if is_url(path) else Path(path).stat().st_size for path in paths]


def file_digests(paths: Sequence[PathLike]) -> Iterator[bytes]:
    """Read files and hash their contents.

    Parameters
    ----------
    paths : sequence of str or path-like
        Image files that can be read.

    Yields
    ------
    digest : bytes
        Of each file, in the order of the paths.
    """
    for (file,) in fetch_ahead(paths, np.arange(len(paths))[:, np.newaxis]):
        if is_url(file):
            yield hashlib.blake2b(read_file(file)).digest()
            continue
        with Path(file).open("rb") as opened:
            yield hashlib.file_digest(opened, "blake2b").digest()
