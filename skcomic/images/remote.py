"""Stores of images that fsspec can read: a request, its repetitions, and its errors."""

import errno
import os
import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, TypeVar

from skcomic.images.urls import archive_of

#: Requests that wait for their answers at the same time.
IN_FLIGHT = 32

#: A larger file is read in full only when its first bytes are those of an image: this bounds what
#: files that are read ahead take of the memory. Photographs are smaller.
START_BYTES = 4 << 20

# Seconds before a request to a web server is repeated. The libraries of other stores do that
# themselves (s3fs: five times), and are not asked again.
_DELAYS = (0.1, 0.2, 0.4, 0.8)
# So many failed connections without an answer between them, and no more requests are made.
_MAX_LOST = 2 * IN_FLIGHT

# Statuses of answers over HTTP.
_DENIED, _MISSING, _BEYOND_END, _NOT_NOW = {401, 403}, {404, 410}, 416, {408, 425, 429}
# As s3fs says 503 and 500.
_BUSY = {errno.EBUSY, getattr(errno, "EREMOTEIO", errno.EIO)}
# Errors by the names of their classes, since the libraries that raise them need not be there:
# those of aiohttp, and those of libraries that repeat requests themselves.
_LOST = {"ClientConnectionError", "ClientPayloadError", "IncompleteRead", "gaierror"}
_LOST_FOR_GOOD = {"HTTPClientError", "ConnectionError", "RequestException", "TransportError"}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}

# Variables that decide where stores are, and as whom they are asked.
_SETTINGS = ("AWS_", "AZURE_", "GOOGLE_", "GCS_", "STORAGE_")

# Only asynchronous file systems are safe for requests from several threads.
_serial = threading.Lock()

T = TypeVar("T")
U = TypeVar("U")


class Stores:
    """The stores of some URLs, for one call: archives are opened once, listings are not kept."""

    _settings: ClassVar[dict[str, str]] = {}
    _kinds: ClassVar[set[Any]] = set()

    def __init__(self) -> None:
        self._follow_settings()
        self._archives: dict[tuple[str, str], Any] = {}
        self._opening = threading.Lock()
        self._n_lost = 0

    def read(self, url: str, n_bytes: int) -> bytes:
        """Read a file from its beginning.

        Parameters
        ----------
        url : str
            The file.
        n_bytes : int
            How many bytes are read at most, where the store can read a part of a file.

        Returns
        -------
        data : bytes
            Empty if the file is.

        Raises
        ------
        OSError, ImportError, ValueError
            As for `ask`.
        """
        try:
            return self.ask(url, "cat_file", start=0, end=n_bytes)
        except _EmptyFileError:
            return b""

    def ask(self, url: str, method: str, **arguments: Any) -> Any:
        """Call a method of the file system of a URL; repeat that if the connection fails.

        Parameters
        ----------
        url : str
            The first argument.
        method : str
            Of ``fsspec.AbstractFileSystem``.
        **arguments : dict
            Further arguments.

        Returns
        -------
        answer : object
            What the method returns.

        Raises
        ------
        FileNotFoundError, PermissionError, ConnectionError, OSError
            The reason is the message, which does not name the URL.
        ImportError
            If a package is missing.
        ValueError
            If there are no such URLs.
        """
        for delay in (*_DELAYS, None):
            if self._n_lost >= _MAX_LOST:
                raise ConnectionError("was not tried: the connection to its store is lost")
            try:
                file_system, path = self._open(url)
                with _turn(file_system):
                    answer = getattr(file_system, method)(path, **arguments)
            except Exception as error:  # of the libraries of stores, nearly any
                if delay is None or not _is_worth_repeating(error):
                    translated = _translate(error)
                    self._n_lost += isinstance(translated, ConnectionError)
                    raise translated from error
            else:
                self._n_lost = 0
                return answer
            time.sleep(delay * random.uniform(0.5, 1))
        raise AssertionError("the last try returns or raises")

    @classmethod
    def _follow_settings(cls) -> None:
        """Let fsspec make new instances if the environment names other stores or users."""
        settings = {name: os.environ[name] for name in os.environ if name.startswith(_SETTINGS)}
        if settings != cls._settings:
            for kind in list(cls._kinds):
                kind.clear_instance_cache()
            cls._settings = settings

    def _open(self, url: str) -> tuple[Any, str]:
        """Return the file system of a URL, and its path there."""
        import fsspec

        if not (archive := archive_of(url)):
            file_system, path = fsspec.url_to_fs(url, use_listings_cache=False)
            self._kinds.add(type(file_system))
            return file_system, path
        inner = url.partition("::")[0]
        key = inner.partition("://")[0], archive
        with self._opening:
            if key not in self._archives:
                kinds = {part.partition("://")[0] for part in archive.split("::") if "://" in part}
                uncached = {kind: {"use_listings_cache": False} for kind in kinds}
                # Another instance than before: the archive may be another one by now.
                self._archives[key], _ = fsspec.url_to_fs(
                    url, skip_instance_cache=True, **uncached
                )
        return self._archives[key], self._archives[key]._strip_protocol(inner)


def in_parallel(function: Callable[[T], U], items: Iterable[T]) -> list[U]:
    """Call a function that waits for answers of stores for several items at the same time.

    Parameters
    ----------
    function : callable
        Takes an item.
    items : iterable
        The items.

    Returns
    -------
    results : list
        In the order of the items.
    """
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        return list(pool.map(function, items))


class RemoteFile(os.PathLike[str]):
    """A file in a store, in place of its path; its first bytes may have been read already.

    Parameters
    ----------
    url : str
        Of the file.
    stores : Stores, default=None
        Those that its store is one of.
    """

    def __init__(self, url: str, stores: Stores | None = None) -> None:
        self.url = url
        self._stores = stores or Stores()
        self._start: bytes | Exception | None = None

    def __fspath__(self) -> str:
        return self.url

    def fetch(self) -> "RemoteFile":
        """Read the first bytes, or the reason why they cannot be read; return the file itself."""
        try:
            self._start = self._stores.read(self.url, START_BYTES)
        except Exception as error:
            self._start = error
        return self

    def read_start(self) -> bytes:
        """Return the first `START_BYTES` bytes, once; raise what reading them raised."""
        start = self._start if self._start is not None else self.fetch()._start
        self._start = None
        if isinstance(start, Exception):
            raise start
        assert start is not None
        return start

    def read(self, n_bytes: int) -> bytes:
        """Read the file by one request, so that all bytes are of one state of it."""
        return self._stores.read(self.url, n_bytes)


class _EmptyFileError(OSError):
    """No byte of a file can be read: it has none."""


def _turn(file_system: Any) -> AbstractContextManager[Any]:
    return nullcontext() if file_system.async_impl else _serial


def _is_worth_repeating(error: Exception) -> bool:
    if isinstance(error, ConnectionError | TimeoutError) or _is_named(error, _LOST):
        return True
    return _is_for_later(getattr(error, "status", None))


def _is_for_later(status: int | None) -> bool:
    return status is not None and (status >= 500 or status in _NOT_NOW)


def _translate(error: Exception) -> Exception:
    """Return an error of Python's own for one of a library."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ImportError):
        return ImportError(
            f'a package is missing ({reason}); install it with: pip install "skcomic[distributed]"'
        )
    status = _status(error)
    is_busy = _is_for_later(status) or (isinstance(error, OSError) and error.errno in _BUSY)
    if is_busy or _is_worth_repeating(error) or _is_named(error, _LOST_FOR_GOOD):
        return ConnectionError(f"the connection to its store failed ({reason})")
    if isinstance(error, FileNotFoundError) or status in _MISSING:
        return FileNotFoundError(errno.ENOENT, reason)
    is_denied = isinstance(error, PermissionError) or _is_named(error, _NO_CREDENTIALS)
    if is_denied or status in _DENIED:
        return PermissionError(errno.EACCES, reason)
    if status == _BEYOND_END:
        return _EmptyFileError(errno.EINVAL, reason)
    return ValueError(reason) if isinstance(error, ValueError) else OSError(errno.EIO, reason)


def _status(error: BaseException | None) -> int | None:
    """Return the status of the answer that an error is about, if there was one."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):  # botocore
            return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) or None
        for name in ("status", "status_code", "code"):
            if isinstance(status := getattr(error, name, None), int) and status >= 400:
                return status
        error = error.__cause__
    return None


def _is_named(error: Exception, names: set[str]) -> bool:
    return not names.isdisjoint(kind.__name__ for kind in type(error).__mro__)
