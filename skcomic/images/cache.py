"""Rasters kept on disk: an image is decoded once per size, whoever wants it and how often."""

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

from skcomic.images.decoding import MAX_PIXELS, PathLike, Resample, decoder_version
from skcomic.images.integrity import IntegrityMarker, marker_path

#: Bytes that one cache may take; when they are used up, nothing more is kept. A raster of 64x64
#: takes 8,308 bytes of the file (two pages of 4 KiB and its share of the tree), one of 32x32
#: 3,288: there is room for 1.0 million of the former and 2.6 million of the latter. LMDB reserves
#: so much of the address space, but neither of the disk nor of the memory.
LIMIT = 8 * 1024**3

_FILE = "rasters.lmdb"
_LOCK_FILE = f"{_FILE}-lock"
_N_DECODES = b"decodes"  # a key that is shorter than those of rasters
_CHECKSUM = struct.Struct("<I")
_COUNT = struct.Struct("<Q")
# A file that was written a moment ago may be written again without another time of change: Linux
# takes it from a clock that advances by ticks of 1 to 10 ms (CONFIG_HZ). Ten times the longest.
_SETTLED_NANOSECONDS = 100_000_000


FileState = tuple[bytes, int, int, int, int]


def file_state(path: PathLike) -> FileState | None:
    """Tell what changes when a file does: name, number, bytes and times. None: there is none."""
    # pathlib would take longer than all that is read of a raster.
    try:
        stat = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    name = os.fsencode(os.path.abspath(path))  # noqa: PTH100
    return name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def is_settled(before: FileState | None, after: FileState | None) -> bool:
    if before is None or before != after:
        return False
    return time.time_ns() - max(before[3:]) > _SETTLED_NANOSECONDS


def raster_keys(
    states: Sequence[FileState | None],
    size: tuple[int, ...],
    resample: Resample,
    max_pixels: int = MAX_PIXELS,
) -> list[bytes | None]:
    """Name rasters by all that decides their pixels, and whether there are any."""
    rules = f"{decoder_version()}|{size}|{resample}|{max_pixels}|"
    settings_hash = blake2b(rules.encode(), digest_size=16)
    keys: list[bytes | None] = []
    for state in states:
        if state is None:
            keys.append(None)
            continue
        name, *numbers = state
        key = settings_hash.copy()
        key.update(b"%d|%d|%d|%d|" % tuple(numbers) + name)
        keys.append(key.digest())
    return keys


class RasterCache:
    """The rasters in one folder, by their keys, for any number of processes at a time.

    Whatever is wrong with the folder (no room, no permission, a damaged file) costs one
    warning; from then on nothing is read or written there.

    Parameters
    ----------
    folder : Path
        Made when there is none.
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
            self._store.reader_check()  # readers that were killed hold pages
            self._identity = _identity(folder / _FILE)
        except (OSError, lmdb.Error) as error:
            self._disable(error)

    @classmethod
    def open(cls, folder: PathLike) -> "RasterCache":
        """Open the cache in a folder, once in each process."""
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
        """Tell whether the file is still the one that was opened: a cache may be cleared."""
        if self._store is None:
            return True  # nothing to lose
        return _identity(self.folder / _FILE) == self._identity

    def read(self, keys: Sequence[bytes | None], rasters: np.ndarray) -> np.ndarray:
        """Copy rasters that are there into an array.

        Parameters
        ----------
        keys : sequence of bytes or None
            Of the rasters wanted.
        rasters : ndarray of shape (n_images, height, width), uint8
            Is filled where a raster is there; other rows may hold anything afterwards.

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
        """Keep rasters.

        Parameters
        ----------
        keys : sequence of bytes or None
            Of the rasters; None is not kept.
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
        """Tell what is kept, as `cache_info` gives it.

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
        """Add to the number of times that a file was decoded for want of a raster."""
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
                f"are decoded each time; empty it with: skcomic cache clear {self.folder}"
            )

    def _commit(self, items: list[tuple[bytes, Any]]) -> bool:
        """Keep all items or none; return whether there was room for them."""
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
            "time; name another folder, make room, or empty it with: "
            f"skcomic cache clear {self.folder}"
        )


def cache_info(folder: PathLike) -> dict[str, int]:
    """Tell what a cache holds.

    Parameters
    ----------
    folder : str or path-like
        The folder of the cache.

    Returns
    -------
    info : dict of str to int
        Number of `rasters`, `bytes` on disk, the `limit` in bytes, and `decodes`: how often
        a file was decoded for want of a raster since the cache was made.

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
    ...     time.sleep(0.2)  # files are kept once they have settled
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
    """Delete what a cache holds; other files in the folder are left.

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
