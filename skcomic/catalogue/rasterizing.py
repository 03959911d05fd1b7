"""A catalogue -> a store of rows, decoded once; what is finished is not done again."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from skcomic._compat.joblib import active_dask_backend
from skcomic.catalogue.stored_columns import (
    COLUMNS,
    COLUMNS_DIGEST,
    digest_columns,
    list_rows,
    printable,
    read_columns,
    read_texts,
    write_columns,
)
from skcomic.catalogue.validation import validate_catalogue
from skcomic.images.cache import file_state
from skcomic.images.decoding import (
    DEFAULT_RENDERING,
    ImageFailure,
    ImageReadError,
    PathLike,
    Rendering,
    decoder_version,
)
from skcomic.images.grey import Background
from skcomic.images.loading import WHITE, height_and_width, try_rasters
from skcomic.images.raster_store import (
    DIGESTS,
    RASTERS,
    RECORDS,
    RasterStore,
    digest_of,
    import_zarr,
    mark,
    normalize_place,
    open_group,
    read_digests,
    read_rows,
)
from skcomic.images.urls import ENDING, absolute_path, is_url

if TYPE_CHECKING:
    import zarr

# The names of what zarr's files are called until they are complete.
_INCOMPLETE = "*.partial"


class Record(NamedTuple):
    """What is written after a chunk, so that it is known to be finished.

    Parameters
    ----------
    files : str
        Digest of the states of the image files, from before they were decoded.
    rasters : str
        Digest of the chunk.
    failures : list of (int, str, str)
        Row within the chunk, kind and reason of each file that cannot be read.
    """

    files: str
    rasters: str
    failures: list[list[Any]]


def rasterize(
    catalogue: pd.DataFrame,
    store: PathLike,
    *,
    size: int | tuple[int, int] = 64,
    chunk_images: int = 4096,
    background: Background = "white",
    on_bad: Literal["raise", "quarantine"] = "raise",
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Decode the images of a catalogue once, into a store that is read instead of the files.

    A store is a zarr group, of one array of all rasters in chunks and one for each column of the
    catalogue. If it is interrupted, the same call goes on: chunks that are finished are not
    decoded again, unless a file of theirs has changed. ``load_catalogue(store)`` gives a
    catalogue whose paths are those of its rows, such as ``/data/rows.zarr/0017``. All that takes
    paths of images takes these: they are read from the store, all rows of a chunk at once.

    Parameters
    ----------
    catalogue : DataFrame with columns `path` and `label`
        As from `load_catalogue`.
    store : str or path-like
        Where the store is or is to be: a folder, or a URL of fsspec such as
        ``s3://bucket/rows.zarr``. Its name must end in ``.zarr``.
    size : int or (int, int), default=64
        Height and width of the rasters, in pixels. Smaller rasters can be made of them, larger
        ones cannot.
    chunk_images : int, default=4096
        Number of images in a chunk, which is what is decoded, written and read at a time.
    background : {"white", "black", "auto"} or int, default="white"
        What transparent pixels show; see `read_raster`.
    on_bad : {"raise", "quarantine"}, default="raise"
        What to do if images cannot be read: raise an error that lists all of them, after all
        others are done; or leave them out, and list them in ``attrs["quarantine"]``.
    n_jobs : int or None, default=None
        Number of threads that decode; None is 1 unless in a `joblib.parallel_config` context, -1
        is all cores. Where the backend of that context is a dask cluster, its workers decode a
        chunk each, and must see the files and the store.

    Returns
    -------
    catalogue : DataFrame
        As from ``load_catalogue(store)``.

    Raises
    ------
    ValueError
        If there is a store of other images or parameters, or a parameter is wrong.
    FileExistsError
        If there is something else than a store.
    ImageReadError
        If images cannot be read and `on_bad` is "raise".
    OSError
        If the store cannot be written, such as on a full disk; the same call then goes on.

    See Also
    --------
    load_catalogue : Takes such a store, too.

    Notes
    -----
    A smaller raster is made of the stored one. It differs from that of the file by rounding, by
    one grey level, if the sides of the image are multiples of those of the store, and these of
    the smaller ones; and else by more, since a filter weights whole pixels (by up to 41, at the
    edges of drawn faces of 48 pixels stored with 32 and read with 16). If a model is to see files
    later, read the store with its own size, or with such a size.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic import ImageVectorizer, load_catalogue, rasterize
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     faces = make_comic_faces(3, size=64, out_dir=f"{folder}/faces", random_state=0)
    ...     rows = rasterize(load_catalogue(faces.data_dir), f"{folder}/rows.zarr", size=32)
    ...     pixels = ImageVectorizer(32).transform(rows.path)
    >>> rows.path.str.rsplit("/").str[-2:].str.join("/").tolist()[:2], rows.label.tolist()[:2]
    (['rows.zarr/0', 'rows.zarr/1'], ['comics', 'comics'])
    >>> pixels.shape
    (6, 1024)
    """
    catalogue = validate_catalogue(catalogue)
    if not (isinstance(chunk_images, Integral) and chunk_images >= 1):
        raise ValueError(f"chunk_images must be an int of 1 or more, not {chunk_images!r}")
    is_name = isinstance(background, str) and background in ("white", "black", "auto")
    if not (is_name or (isinstance(background, int) and 0 <= background <= WHITE)):
        raise ValueError(
            f"background must be 'white', 'black', 'auto' or an int from 0 to {WHITE}, not "
            f"{background!r}"
        )
    if on_bad not in ("raise", "quarantine"):
        raise ValueError(f"on_bad must be 'raise' or 'quarantine', not {on_bad!r}")
    height, width = height_and_width(size)
    if min(height, width) < 1:
        raise ValueError(f"size must be 1 or more, not {size!r}")
    place = normalize_place(store)
    if not place.endswith(ENDING):
        raise ValueError(f"the name of a store must end in {ENDING!r}: {place!r} does not")
    catalogue = catalogue.assign(path=[absolute_path(path) for path in catalogue.path])
    wanted = {
        "catalogue": digest_columns(
            {name: catalogue[name] for name in COLUMNS.values() if name in catalogue.columns}
        ),
        "size": [height, width],
        "chunk_images": int(chunk_images),
        "resample": DEFAULT_RENDERING.resample,
        "background": background,
        "decoder": decoder_version(),
    }
    with _naming_store(place):
        group = _create_or_open(place, wanted, len(catalogue))
        records = _finish_chunks(place, catalogue.path.tolist(), wanted, n_jobs)
        bad = _list_bad(catalogue, records, chunk_images)
        if bad and on_bad == "raise":
            failures = [ImageFailure(each["path"], each["kind"], each["reason"]) for each in bad]
            raise ImageReadError(failures, len(catalogue))
        _finish(group, catalogue, records, bad)
    finished = RasterStore.open(place, renew=True)
    assert finished is not None
    return list_rows(finished)


def _create_or_open(place: str, wanted: dict[str, Any], n_images: int) -> "zarr.Group":
    """Open the store if it is one of the same images and parameters, or create it."""
    zarr = import_zarr()
    group = open_group(place, "r+")
    if group is None:
        _check_is_free(place)
        group = zarr.create_group(place, attributes=mark({**wanted, "finished": False}))
    for name, value in wanted.items():
        if (of_store := group.attrs[name]) != value:
            of = "other images" if name == "catalogue" else f"{name}={of_store!r}, not {value!r}"
            raise ValueError(f"{place!r} is a store of {of}; name another one, or delete it first")
    height, width = wanted["size"]
    n_rows = min(wanted["chunk_images"], n_images)
    if RASTERS not in group:
        group.create_array(
            RASTERS, shape=(n_images, height, width), chunks=(n_rows, height, width),
            dtype="uint8", compressors=None,  # they are noise to it: 3 % smaller, and slower
        )  # fmt: skip
    if RECORDS not in group:
        n_chunks = -(-n_images // n_rows)
        group.create_array(RECORDS, shape=(n_chunks,), chunks=(1,), dtype=str)
    return group


def _check_is_free(place: str) -> None:
    """Refuse what is no store; a folder where creating one was interrupted may be used."""
    if is_url(place):
        from fsspec.core import url_to_fs

        files, path = url_to_fs(place)
        is_free = not files.exists(path)
    elif os.path.isdir(place):  # noqa: PTH112
        is_free = all(path.match(_INCOMPLETE) for path in Path(place).iterdir())
    else:
        is_free = not os.path.lexists(place)
    if not is_free:
        raise FileExistsError(f"{place!r} is no store of rows; name another place")


def _finish_chunks(
    place: str, paths: list[str], wanted: dict[str, Any], n_jobs: int | None
) -> list[Record]:
    """Decode all chunks that are not finished: on a cluster side by side, else in turn."""
    if not is_url(place):
        for left in Path(place).rglob(_INCOMPLETE):  # of a process that was killed
            left.unlink()
    n_rows = wanted["chunk_images"]
    chunks = list(enumerate(paths[at : at + n_rows] for at in range(0, len(paths), n_rows)))
    sides, background = tuple(wanted["size"]), wanted["background"]
    if (
        active_dask_backend() is None
    ):  # by threads within a chunk: one is in memory, no process starts
        return [_finish_chunk(place, *each, sides, background, n_jobs) for each in chunks]
    return Parallel(n_jobs=n_jobs)(
        delayed(_finish_chunk)(place, *each, sides, background, 1) for each in chunks
    )


def _finish_chunk(
    place: str,
    number: int,
    paths: list[str],
    size: tuple[int, int],
    background: Background,
    n_jobs: int | None,
) -> Record:
    """Decode a chunk and write it, unless that is done; then write its record."""
    group: Any = open_group(place, "r+")
    files = _digest_files(paths)
    record = _read_record(group, number)
    if record is not None and record.files == files:
        stored = read_rows(group, number)
        if stored is not None and digest_of(stored).hex() == record.rasters:
            return record
    rendering = Rendering(background=background)
    (rasters,), failures = try_rasters(paths, [size], rendering, n_jobs=n_jobs)
    rasters[list(failures)] = 0
    start = number * group[RASTERS].chunks[0]
    group[RASTERS][start : start + len(paths)] = rasters
    failed = [[row, failure.kind, failure.reason] for row, failure in failures.items()]
    record = Record(files, digest_of(rasters).hex(), failed)
    group[RECORDS][number : number + 1] = np.array([json.dumps(record)], dtype=object)
    return record


def _read_record(group: Any, number: int) -> Record | None:
    texts = read_texts(group, RECORDS, slice(number, number + 1))
    return Record(*json.loads(texts[0])) if texts and texts[0] else None


def _list_bad(
    catalogue: pd.DataFrame, records: list[Record], chunk_images: int
) -> list[dict[str, Any]]:
    """List the images that cannot be read, with their rows."""
    bad = []
    for number, record in enumerate(records):
        for within, kind, reason in record.failures:
            row = number * chunk_images + within
            path, label = (printable(catalogue[name].iloc[row]) for name in ("path", "label"))
            bad.append({"row": row, "path": path, "label": label, "kind": kind, "reason": reason})
    return bad


def _finish(
    group: "zarr.Group",
    catalogue: pd.DataFrame,
    records: list[Record],
    bad: list[dict[str, Any]],
) -> None:
    """Write what makes a store of the chunks, unless that is done."""
    digests = np.frombuffer(bytes.fromhex("".join(each.rasters for each in records)), np.uint8)
    digests = digests.reshape(len(records), -1)
    if (
        group.attrs["finished"]
        and group.attrs["quarantine"] == bad
        and np.array_equal(read_digests(group), digests)
        and read_columns(group) is not None
    ):
        return
    group.update_attributes({"finished": False})
    of_columns = write_columns(group, catalogue)
    group.create_array(
        DIGESTS, data=digests, chunks=digests.shape, compressors=None, overwrite=True
    )
    group.update_attributes({"finished": True, "quarantine": bad, COLUMNS_DIGEST: of_columns})


def _digest_files(paths: list[str]) -> str:
    return sha256(repr([file_state(path) for path in paths]).encode()).hexdigest()


@contextmanager
def _naming_store(place: str) -> Iterator[None]:
    """Say in an error of the system that it is the store that cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.strerror is None:
            raise
        reason = f"cannot write the store: {error.strerror}"
        raise OSError(error.errno, reason, place) from error
