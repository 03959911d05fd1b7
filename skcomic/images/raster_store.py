"""Stores of rows: rasters on disk in chunks, where each row has a path as if it were a file.

Row 17 of the store ``/data/rows.zarr`` has the path ``/data/rows.zarr/17``, with leading zeros.
The name of a store ends in ``.zarr``, and `rasterize` puts nothing into the folder whose name is
a number, so that no file can have such a path.
"""

import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from skcomic.images.urls import ENDING, is_url, row_path, split_row_path

if TYPE_CHECKING:
    import zarr

#: The arrays of a store beside those of the catalogue: rasters, what was recorded of each chunk
#: when it was finished, and the digests of all chunks, which are written last.
RASTERS, RECORDS, DIGESTS = "rasters", "records", "digests"

# In the attributes, so that the groups of other programs are not taken for stores.
_KIND, _VERSION = "skcomic_rows", 1

# Chunks that a store keeps in memory: those who read a batch at a time, in order, read each once.
_MAX_KEPT_BYTES = 64 * 1024**2


class RasterStore:
    """A finished store, to be read.

    Parameters
    ----------
    place : str
        As from `normalize_place`.
    group : zarr.Group
        As from `open_group`.
    """

    _instances: dict[tuple[int, str], tuple[Any, "RasterStore"]] = {}  # noqa: RUF012

    def __init__(self, place: str, group: "zarr.Group") -> None:
        self.place = place
        self.group = group
        self.attributes: dict[str, Any] = dict(group.attrs)
        if not self.attributes["finished"]:
            raise ValueError(
                f"{place!r} is not finished: call rasterize again with the same images and "
                "parameters (skcomic rasterize)"
            )
        array: Any = group[RASTERS]
        self._digests = read_digests(group)
        self.n_images: int
        self.height: int
        self.width: int
        self.n_images, self.height, self.width = array.shape
        self.chunk_images: int = array.chunks[0]
        self._left_out = {bad["row"] for bad in self.attributes["quarantine"]}
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, place: str, *, renew: bool = False) -> "RasterStore | None":
        """Return the store at a place; each process opens it once, unless it has changed.

        Parameters
        ----------
        place : str
            As from `normalize_place`.
        renew : bool, default=False
            Whether to open it again if it is on no disk: changes are not seen otherwise.

        Returns
        -------
        store : RasterStore or None
            None if there is none.

        Raises
        ------
        ValueError
            If it is not finished.
        ImportError
            If zarr is not installed.
        """
        state = None if is_url(place) else _state(place)
        if state is None and not is_url(place):
            return None
        key = os.getpid(), place
        kept = cls._instances.get(key)
        if kept is None or kept[0] != state or (renew and is_url(place)):
            if (group := open_group(place)) is None:
                return None
            if state is not None:
                _check_no_file_is_a_number(place)
            kept = cls._instances[key] = (state, cls(place, group))
        return kept[1]

    def paths(self) -> Iterator[str]:
        """List the paths of the rows, in their order."""
        for row in range(self.n_images):
            if row not in self._left_out:
                yield row_path(self.place, row, self.n_images)

    def has(self, row: int) -> bool:
        """Return whether there is such a row, which was not left out."""
        return row < self.n_images and row not in self._left_out

    def digest(self, row: int) -> bytes:
        """Return the digest of the chunk of a row: it changes with any of its rasters."""
        return self._digests[row // self.chunk_images].tobytes()

    def read_chunk(self, number: int) -> np.ndarray:
        """Read the rasters of a chunk, and make sure that they are those that were written.

        Parameters
        ----------
        number : int
            Number of the chunk.

        Returns
        -------
        rasters : ndarray of shape (n_images, height, width), uint8
            Not to be changed.

        Raises
        ------
        OSError
            If the chunk is damaged.
        """
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
        rasters = read_rows(self.group, number)
        if rasters is None or digest_of(rasters) != self._digests[number].tobytes():
            raise OSError(
                errno.EIO,
                f"chunk {number} is missing, damaged or was written again; call rasterize again "
                "with the same images and parameters (skcomic rasterize)",
                self.place,
            )
        rasters.setflags(write=False)
        with self._lock:
            self._kept[number] = rasters
            while len(self._kept) > max(1, _MAX_KEPT_BYTES // rasters.nbytes):
                self._kept.popitem(last=False)
        return rasters

    def read(self, row: int) -> np.ndarray:
        """Read the raster of a row."""
        return self.read_chunk(row // self.chunk_images)[row % self.chunk_images]

    def check(
        self, sizes: Sequence[tuple[int, ...]], resample: str, background: str | int
    ) -> None:
        """Refuse rasters that cannot be made of the stored ones.

        Raises
        ------
        ValueError
            If they are larger, or were to be made with another filter or on another background.
        """
        for height, width in sizes:
            if height > self.height or width > self.width:
                raise ValueError(
                    f"the store {self.place!r} has {self.height}x{self.width} pixels, not "
                    f"{height}x{width}: rasterize again with size={max(height, width)}"
                )
        for name, value in (("background", background), ("resample", resample)):
            if (of_store := self.attributes[name]) != value:
                raise ValueError(
                    f"the store {self.place!r} was made with {name}={of_store!r}, not {value!r}: "
                    "take the same, or rasterize again"
                )


def normalize_place(store: str | os.PathLike[str]) -> str:
    """Return the absolute path of a store, or its URL, without a slash at the end."""
    place = os.fspath(store)
    return place.rstrip("/") if is_url(place) else os.path.abspath(place)  # noqa: PTH100


def find_store(source: str | os.PathLike[str]) -> RasterStore | None:
    """Return the store at a path or URL, opened anew; None if it is something else.

    Raises
    ------
    ValueError
        If it is not finished, or a store of another program.
    """
    place = normalize_place(source)
    if not place.endswith(ENDING):
        return None
    store = RasterStore.open(place, renew=True)
    if store is None and not is_url(place) and _state(place) is not None:
        raise ValueError(f"{place!r} is no store of rows: skcomic rasterize makes one of images")
    return store


def find_row(path: str | os.PathLike[str]) -> tuple[RasterStore, int] | None:
    """Return the store and the number of a row; None if the path is that of a file.

    Raises
    ------
    FileNotFoundError
        If the store has no such row.
    """
    if (parts := split_row_path(path)) is None:
        return None
    if (store := RasterStore.open(normalize_place(parts[0]))) is None:
        return None
    if not store.has(parts[1]):
        raise FileNotFoundError(errno.ENOENT, "the store has no such row", os.fspath(path))
    return store, parts[1]


def read_row_file(path: str | os.PathLike[str]) -> bytes | None:
    """Return a row as the content of an image file, of the format PGM; None for other paths."""
    if (found := find_row(path)) is None:
        return None
    store, row = found
    return b"P5 %d %d 255\n" % (store.width, store.height) + store.read(row).tobytes()


def check_row(
    path: str, sizes: Sequence[tuple[int, ...]], resample: str, background: str | int
) -> None:
    """Refuse rasters that cannot be made of a row as `RasterStore.check` does; files are fine."""
    if (parts := split_row_path(path)) is None:
        return
    if (store := RasterStore.open(normalize_place(parts[0]))) is not None:
        store.check(sizes, resample, background)


def open_group(place: str, mode: Any = "r") -> "zarr.Group | None":
    """Open the group of a store, finished or not.

    Parameters
    ----------
    place : str
        As from `normalize_place`.
    mode : {"r", "r+"}, default="r"
        Whether it is only read.

    Returns
    -------
    group : zarr.Group or None
        None if there is none, or one of another program.
    """
    zarr = import_zarr()
    if not (is_url(place) or os.path.isdir(place)):  # noqa: PTH112
        return None
    try:
        group = zarr.open_group(place, mode=mode, zarr_format=3)
    except (FileNotFoundError, ValueError):  # nothing is there, or an array, or no description
        return None
    return group if group.attrs.get(_KIND) == _VERSION else None


def mark(attributes: dict[str, Any]) -> dict[str, Any]:
    """Add to the attributes of a group that it is a store."""
    return {_KIND: _VERSION, **attributes}


def import_zarr() -> Any:
    """Import zarr, which not all need."""
    try:
        import zarr
    except ImportError as error:
        raise ImportError(
            'stores of rows need zarr; install it with: pip install "skcomic[distributed]"'
        ) from error
    return zarr


def read_rows(group: "zarr.Group", number: int) -> np.ndarray | None:
    """Read the rasters of a chunk, whatever they are; None if they cannot be."""
    array: Any = group[RASTERS]
    n_rows = array.chunks[0]
    try:
        return np.asarray(array[number * n_rows : (number + 1) * n_rows])
    except ValueError:  # a file of another length
        return None


def read_digests(group: "zarr.Group") -> np.ndarray:
    """Read the digests of all chunks; where they are missing, they are those of nothing."""
    n_chunks = group[RECORDS].shape[0]  # type: ignore[union-attr]
    nothing = np.zeros((n_chunks, sha256().digest_size), np.uint8)
    if DIGESTS not in group:
        return nothing
    try:
        return np.asarray(group[DIGESTS]).reshape(nothing.shape)
    except ValueError:
        return nothing


def digest_of(rasters: np.ndarray) -> bytes:
    """Hash rasters."""
    return sha256(np.ascontiguousarray(rasters).data).digest()


def _state(place: str) -> tuple[int, ...] | None:
    """Return what changes when a store on a disk is written or something is put into it."""
    try:
        described, folder = os.stat(f"{place}/zarr.json"), os.stat(place)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return described.st_ino, described.st_mtime_ns, described.st_size, folder.st_mtime_ns


def _check_no_file_is_a_number(place: str) -> None:
    for name in os.listdir(place):  # noqa: PTH208
        if name.isdecimal():
            raise ValueError(
                f"{place!r} is a store, and {name!r} in it could be a row or a file: move that "
                "file elsewhere"
            )
