"""Rasters on disk, so that an image is decoded once per size in all processes and fits."""

import os
import struct
import threading
import time
import warnings
import zlib
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

from skcomic.images.decoding import PathLike, Rendering, decoder_version
from skcomic.images.integrity import IntegrityMarker, marker_path
from skcomic.images.raster_store import find_row
from skcomic.images.remote_states import RemoteState, remote_states
from skcomic.images.urls import is_url

#: Bytes that one cache may take; a full cache stores nothing more. A raster of 64x64
#: takes 8,308 bytes of the file (two pages of 4 KiB and its share of the tree), one of 32x32
#: 3,288: there is room for 1.0 million of the former and 2.6 million of the latter. LMDB reserves
#: this much address space, but neither disk space nor memory.
LIMIT = 8 * 1024**3

_FILE = "rasters.lmdb"
_LOCK_FILE = f"{_FILE}-lock"
_N_DECODES = b"decodes"  # a key that is shorter than those of rasters
_CHECKSUM = struct.Struct("<I")
_COUNT = struct.Struct("<Q")
# A file that was written a moment ago may be written again and keep its time of change: Linux
# takes that time from a clock that advances by 1 to 10 ms (CONFIG_HZ). Ten times the longest.
_SETTLED_NANOSECONDS = 100_000_000
# The times of files in stores are of whole seconds, by another clock.
_SETTLED_IN_STORES = 2_000_000_000
# The digest of the chunk of a row of a store, as numbers like those of a file.
_DIGEST = struct.Struct("<QQQQ")


FileState = tuple[bytes, int, int, int, int] | RemoteState


def file_states(paths: Sequence[PathLike]) -> list[FileState | None]:
    """Return the `file_state` of each file, with few requests to the stores of URLs."""
    urls = [os.fspath(path) for path in paths if is_url(path)]
    if not urls:
        return list(map(_local_state, paths))
    of_urls = iter(remote_states(urls))
    return [next(of_urls) if is_url(path) else _local_state(path) for path in paths]


def file_state(path: PathLike) -> FileState | None:
    """Return the name, inode, size and times of a file, which change with it; None if missing.

    Of a file in a store, it is what the store says of its state; None if that is not enough. Of a
    row of a store of rows, the name and what changes with its chunk.
    """
    return file_states([path])[0]


def _local_state(path: PathLike) -> FileState | None:
    # pathlib would take longer than reading a raster.
    try:
        if (found := find_row(path)) is not None:
            store, row = found
            return os.fsencode(f"{store.place}/{row}"), *_DIGEST.unpack(store.digest(row))
        stat = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    name = os.fsencode(os.path.abspath(path))  # noqa: PTH100
    return name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def is_settled(before: FileState | None, after: FileState | None) -> bool:
    """Return whether a file was not changed between two states, nor shortly before."""
    if before is None or before != after:
        return False
    if isinstance(before, RemoteState):
        return time.time_ns() - before.changed > _SETTLED_IN_STORES
    return time.time_ns() - max(before[3:]) > _SETTLED_NANOSECONDS


def raster_keys(
    states: Sequence[FileState | None],
    size: tuple[int, ...],
    rendering: Rendering,
) -> list[bytes | None]:
    """Hash everything that determines the pixels of a raster, or whether it can be decoded.

    Parameters
    ----------
    states : sequence of FileState or None
        The states of the image files; None for a missing file.
    size : tuple of int
        Height and width of the raster, in pixels.
    rendering : Rendering
        The parameters of `read_raster`.

    Returns
    -------
    keys : list of bytes or None
        One key of 16 bytes per file; None for a missing file.
    """
    rules = f"{decoder_version()}|{size}|{tuple(rendering)}|"
    settings_hash = blake2b(rules.encode(), digest_size=16)
    keys: list[bytes | None] = []
    for state in states:
        if state is None:
            keys.append(None)
            continue
        key = settings_hash.copy()
        if isinstance(state, RemoteState):
            key.update(state.version + b"|" + state.name)
        else:
            name, *numbers = state
            key.update(b"%d|%d|%d|%d|" % tuple(numbers) + name)
        keys.append(key.digest())
    return keys


class RasterCache:
    """Store rasters by key in a folder that any number of processes may use at the same time.

    If the folder cannot be used (no space, no permission, a damaged file), the cache warns once
    and then neither reads nor writes.

    Parameters
    ----------
    folder : Path
        The folder; it is created if it does not exist.
    """

    _instances: dict[tuple[int, str], "RasterCache"] = {}  # noqa: RUF012
    _instances_lock = threading.Lock()

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store: Any = None
        self._marker = IntegrityMarker(folder / _FILE)
        self._is_full = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._marker.opening():
                self._store = lmdb.open(
                    str(folder / _FILE), subdir=False, map_size=LIMIT, readahead=False
                )
            self._store.reader_check()  # releases the pages of readers that were killed
            self._identity = _identity(folder / _FILE)
        except (OSError, lmdb.Error) as error:
            self._disable(error)

    @classmethod
    def open(cls, folder: PathLike) -> "RasterCache":
        """Return the cache in a folder; each process opens it once.

        Parameters
        ----------
        folder : str or path-like
            The folder of the cache.

        Returns
        -------
        cache : RasterCache
            The same instance for the same folder, unless its file was replaced.
        """
        instance_key = os.getpid(), str(Path(folder).absolute())
        with cls._instances_lock:
            instance = cls._instances.get(instance_key)
            if instance is None or not instance._is_current():
                instance = cls._instances[instance_key] = cls(Path(instance_key[1]))
        return instance

    @classmethod
    def close(cls, folder: PathLike) -> None:
        """Close the cache in a folder, if this process has opened it."""
        with cls._instances_lock:
            instance = cls._instances.pop((os.getpid(), str(Path(folder).absolute())), None)
        if instance is not None and instance._store is not None:
            instance._store.close()

    def _is_current(self) -> bool:
        """Return whether the file is the one that was opened: a cache may have been cleared."""
        if self._store is None:
            return True  # it is not used
        return _identity(self.folder / _FILE) == self._identity

    def read(self, keys: Sequence[bytes | None], rasters: np.ndarray) -> np.ndarray:
        """Copy stored rasters into an array.

        Parameters
        ----------
        keys : sequence of bytes or None
            The keys of the rasters; None is never found.
        rasters : ndarray of shape (n_images, height, width), uint8
            The array; rows of rasters that are not found have undefined values afterwards.

        Returns
        -------
        found : ndarray of shape (n_images,), bool
            Which rows were filled.
        """
        found = np.zeros(len(keys), dtype=bool)
        if self._store is None:
            return found
        flat = rasters.reshape(len(rasters), -1)
        n_bytes = flat.shape[1] + _CHECKSUM.size
        crc32, unpack = zlib.crc32, _CHECKSUM.unpack_from
        try:
            with self._store.begin(buffers=True) as transaction:
                get = transaction.get
                for row, key in enumerate(keys):
                    if key is None:
                        continue
                    value = get(key)
                    if value is None or len(value) != n_bytes:
                        continue
                    flat[row] = value[_CHECKSUM.size :]
                    found[row] = crc32(flat[row], crc32(key)) == unpack(value)[0]
        except lmdb.Error as error:
            self._disable(error)
            found[:] = False
        return found

    def write(self, keys: Sequence[bytes | None], rasters: np.ndarray) -> None:
        """Store rasters.

        Parameters
        ----------
        keys : sequence of bytes or None
            The keys of the rasters; a raster with None is not stored.
        rasters : ndarray of shape (n_images, height, width), uint8
            The rasters.
        """
        self._put(
            [
                (key, _CHECKSUM.pack(zlib.crc32(raster, zlib.crc32(key))) + raster.tobytes())
                for key, raster in zip(keys, np.ascontiguousarray(rasters), strict=True)
                if key is not None
            ]
        )

    def info(self) -> dict[str, int]:
        """Return what is stored, as `cache_info` does.

        Returns
        -------
        info : dict of str to int
            See `cache_info`.

        Raises
        ------
        OSError
            If the cache cannot be used.
        """
        if self._store is None:
            raise OSError(f"the cache {str(self.folder)!r} cannot be used")
        with self._store.begin() as transaction:
            decodes = transaction.get(_N_DECODES)
            return {
                "rasters": transaction.stat()["entries"] - (decodes is not None),
                "bytes": (self.folder / _FILE).stat().st_blocks * 512,
                "limit": LIMIT,
                "decodes": _COUNT.unpack(decodes)[0] if decodes is not None else 0,
            }

    def count_decodes(self, n_decodes: int) -> None:
        """Add to the number of times that a file was decoded because its raster was missing."""
        self._put([(_N_DECODES, n_decodes)])

    def _put(self, items: list[tuple[bytes, Any]]) -> None:
        if self._store is None or self._is_full or not items:
            return
        try:
            with self._marker.writing():
                self._is_full = not self._commit(items)
        except (OSError, lmdb.Error) as error:
            self._disable(error)
        if self._is_full:
            _warn(
                f"the cache {str(self.folder)!r} is full ({LIMIT / 1e9:.1f} GB): other images "
                f"are decoded each time; clear it with: skcomic cache clear {self.folder}"
            )

    def _commit(self, items: list[tuple[bytes, Any]]) -> bool:
        """Store all items or none; return whether there was space for them."""
        try:
            with self._store.begin(write=True) as transaction:
                for key, value in items:
                    if key == _N_DECODES:
                        before = _COUNT.unpack(transaction.get(key, _COUNT.pack(0)))[0]
                        value = _COUNT.pack(before + value)
                    transaction.put(key, value)
        except lmdb.MapFullError:
            return False
        return True

    def _disable(self, error: Exception) -> None:
        self._store = None
        _warn(
            f"the cache {str(self.folder)!r} cannot be used ({error}): images are decoded each "
            "time; use another folder, free disk space, or clear it with: "
            f"skcomic cache clear {self.folder}"
        )


def cache_info(folder: PathLike) -> dict[str, int]:
    """Return the number and size of the rasters in a cache.

    Parameters
    ----------
    folder : str or path-like
        The folder of the cache.

    Returns
    -------
    info : dict of str to int
        Number of `rasters`, `bytes` on disk, the `limit` in bytes, and `decodes`: how often
        a file was decoded because its raster was missing, since the cache was created.

    Raises
    ------
    FileNotFoundError
        If there is no cache in the folder.
    OSError
        If the cache is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic import ImageVectorizer
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = make_comic_faces(3, size=32, out_dir=f"{folder}/faces").paths
    ...     time.sleep(0.2)  # rasters of files that were just written are not stored
    ...     for _ in range(2):
    ...         rows = ImageVectorizer(16, cache=f"{folder}/cache").transform(paths)
    ...     info = cache_info(f"{folder}/cache")
    >>> info["rasters"], info["decodes"]
    (6, 6)
    """
    folder = _require_cache(folder)
    IntegrityMarker(folder / _FILE).check()
    return RasterCache.open(folder).info()


def clear_cache(folder: PathLike) -> None:
    """Delete the files of a cache; other files in the folder are not changed.

    Parameters
    ----------
    folder : str or path-like
        The folder of the cache.

    Raises
    ------
    FileNotFoundError
        If there is no cache in the folder.

    Examples
    --------
    >>> clear_cache("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: there is no cache in 'nowhere'
    """
    folder = _require_cache(folder)
    for file in (folder / _FILE, folder / _LOCK_FILE, marker_path(folder / _FILE)):
        file.unlink(missing_ok=True)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _require_cache(folder: PathLike) -> Path:
    if not Path(folder, _FILE).is_file():
        raise FileNotFoundError(f"there is no cache in {os.fspath(folder)!r}")
    return Path(folder)


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=2)
