"""A folder in a store -> entries like those of ``os.scandir``, with few requests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import unquote

from skcomic.images.remote import Stores, in_parallel
from skcomic.images.urls import is_http


class RemoteEntry(NamedTuple):
    """An entry of a folder in a store, with the interface of ``os.DirEntry``."""

    name: str
    path: str
    kind: str
    stores: Stores

    def is_dir(self) -> bool:
        """Return whether it is a folder."""
        return self.kind == "directory"

    def is_file(self) -> bool:
        """Return whether it is a file."""
        return self.kind == "file"

    def read_start(self, n_bytes: int) -> bytes:
        """Return the first bytes of the file."""
        with naming(self.path):
            return self.stores.read(self.path, n_bytes)


def is_folder(url: str) -> bool:
    """Return whether a URL is that of a folder, and not that of a file.

    Parameters
    ----------
    url : str
        Of a folder or a file.

    Returns
    -------
    is_folder : bool
        Whether anything is listed in it, or its store says so.

    Raises
    ------
    FileNotFoundError, PermissionError, ConnectionError, ValueError, ImportError
        The message names the URL.
    """
    stores = Stores()
    return bool(_scan(stores, url)) or ask_store(stores, url, "info")["type"] == "directory"


def scan_tree(root: str, is_wanted: Callable[[RemoteEntry], bool]) -> dict[str, list[RemoteEntry]]:
    """List a folder and all folders in it, those of one depth at the same time.

    Parameters
    ----------
    root : str
        URL of the folder.
    is_wanted : callable
        Tells of an entry whether it is to be listed if it is a folder.

    Returns
    -------
    tree : dict of str to list of RemoteEntry
        The entries of each folder, by its URL.

    Raises
    ------
    FileNotFoundError, PermissionError, ConnectionError, ValueError, ImportError
        If a folder cannot be listed; the message names it.
    """
    stores = Stores()
    tree: dict[str, list[RemoteEntry]] = {}
    folders = [root]
    while folders:
        listed = in_parallel(partial(_scan, stores), folders)
        tree |= zip(folders, listed, strict=True)
        entries = [entry for of_folder in listed for entry in of_folder]
        folders = [entry.path for entry in entries if entry.is_dir() and is_wanted(entry)]
    return tree


def _scan(stores: Stores, url: str) -> list[RemoteEntry]:
    head, chain, archive = url.partition("::")
    folder = head if head.endswith("/") else f"{head}/"
    within_store = folder.partition("://")[2].strip("/")
    entries = {}
    for facts in ask_store(stores, url, "ls", detail=True):
        path, kind = str(facts["name"]).rstrip("/"), facts["type"]
        parent, _, name = path.rpartition("/")
        if is_http(url):
            if "?" in name or parent != folder.rstrip("/"):
                continue  # a link to somewhere else
            entries[name] = RemoteEntry(unquote(name), f"{folder}{name}", kind, stores)
        elif path.strip("/") != within_store:  # else it is the folder, or the file, itself
            entries[name] = RemoteEntry(name, f"{folder}{name}{chain}{archive}", kind, stores)
    return list(entries.values())


def ask_store(stores: Stores, url: str, method: str, **arguments: Any) -> Any:
    """Ask a store as `Stores.ask` does; the messages of errors name the URL."""
    with naming(url):
        return stores.ask(url, method, **arguments)


@contextmanager
def naming(url: str) -> Iterator[None]:
    """Name the URL in the messages of the errors of `Stores`."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no {url!r} ({error.strerror})") from error
    except PermissionError as error:
        raise PermissionError(f"no permission to read {url!r} ({error.strerror})") from error
    except ConnectionError as error:
        raise ConnectionError(f"{url!r} cannot be read: {error}") from error
    except ImportError as error:
        raise ImportError(f"{url!r} cannot be read: {error}") from error
    except ValueError as error:
        raise ValueError(f"{url!r} cannot be read: {error}") from error
    except OSError as error:
        raise OSError(f"{url!r} cannot be read: {error.strerror}") from error
