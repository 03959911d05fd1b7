"""URLs of images in stores, such as ``s3://bucket/faces/1.jpg``, and paths of rows: their text.

The URL of a file in an archive is that of fsspec: ``zip://faces/1.jpg::/data/photos.zip``.
"""

import os
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

_PROTOCOL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
#: The name of a store of rows ends so.
ENDING = ".zarr"

_HTTP = ("http://", "https://")


def is_url(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is the URL of a file in a store, and not that of a local file.

    Parameters
    ----------
    path : str or path-like
        Such as ``s3://bucket/faces/1.jpg``.

    Returns
    -------
    is_url : bool
        Whether it begins with a protocol, and is not the path of a row.
    """
    return has_protocol(path) and split_row_path(path) is None


def has_protocol(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a URL, of a file or of a row: it is the same in any folder."""
    name = os.fspath(path)
    return "://" in name and _PROTOCOL.match(name) is not None


def row_path(place: str, row: int, n_images: int) -> str:
    """Name a row of a store of rows; names sort as the rows do."""
    return f"{place}/{row:0{len(str(n_images - 1))}d}"


def split_row_path(path: str | os.PathLike[str]) -> tuple[str, int] | None:
    """Split what may be the path of a row into the store of rows and the number of the row."""
    store, _, number = os.fspath(path).rpartition("/")
    if store.endswith(ENDING) and number.isascii() and number.isdecimal():
        return store, int(number)
    return None


def is_http(url: str) -> bool:
    """Return whether a URL is that of a web server, whose names are quoted and not listed."""
    return url.startswith(_HTTP)


def absolute_path(path: str | os.PathLike[str]) -> str:
    """Make a path or the path of an archive in a URL absolute.

    Parameters
    ----------
    path : str or path-like
        A local path or a URL.

    Returns
    -------
    path : str
        A URL of a store as it is.
    """
    name = os.fspath(path)
    if not has_protocol(name):
        return str(Path(name).absolute())
    inner, chain, archive = name.rpartition("::")
    return f"{inner}::{absolute_path(archive)}" if chain and not is_url(archive) else name


def archive_of(url: str) -> str:
    """Return the path or URL of the archive that a URL points into; empty if into none."""
    return url.partition("::")[2]


def join_url(folder: str, name: str) -> str:
    """Return the URL of a file in a folder.

    Parameters
    ----------
    folder : str
        URL of the folder.
    name : str
        Relative path of the file, in which ``..`` may occur.

    Returns
    -------
    url : str
        URL of the file.
    """
    head, chain, archive = folder.partition("::")
    protocol, _, path = head.partition("://")
    joined = posixpath.normpath(posixpath.join(path, name))
    return f"{protocol}://{joined}{chain}{archive}"


def parent_url(url: str) -> str:
    """Return the URL of the folder that a file is in."""
    head, chain, archive = url.partition("::")
    protocol, _, path = head.partition("://")
    return f"{protocol}://{posixpath.dirname(path)}{chain}{archive}"


def file_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file within its store, of which name and suffix can be asked.

    Parameters
    ----------
    path : str or path-like
        A local path or a URL.

    Returns
    -------
    path : Path
        A local path as it is; of ``zip://faces/1.jpg::photos.zip`` it is ``faces/1.jpg``.
    """
    name = os.fspath(path)
    if not is_url(name):
        return Path(name)
    inner = name.partition("::")[0].partition("://")[2]
    return Path(unquote(inner) if is_http(name) else inner)


def path_within(path: str, folder: str) -> str:
    """Return the path of a file relative to a folder that it is in.

    Parameters
    ----------
    path, folder : str
        Both local, or both URLs.

    Returns
    -------
    path : str
        As a local path has it, without the quotes of a web server; if only one is a URL, as it is.
    """
    if is_url(path) != is_url(folder):
        return path
    return os.path.relpath(file_path(path), file_path(folder))
