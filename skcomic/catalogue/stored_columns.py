"""The columns of a catalogue in a store of rows: written with it, and read as a catalogue."""

import errno
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from skcomic.images.raster_store import RasterStore

if TYPE_CHECKING:
    import zarr

#: Names of the columns by those of their arrays. The paths are for people.
COLUMNS = {"paths": "path", "labels": "label", "pairs": "pair", "split": "split"}

#: The attribute with the digest of the columns that are read.
COLUMNS_DIGEST = "columns"

_TEXTS_PER_CHUNK = 100_000


def write_columns(group: "zarr.Group", catalogue: pd.DataFrame) -> str:
    """Write the columns of a catalogue.

    Parameters
    ----------
    group : zarr.Group
        The store.
    catalogue : DataFrame
        As from `validate_catalogue`.

    Returns
    -------
    digest : str
        Of what was written and is read again.
    """
    columns = {}
    for name, column in COLUMNS.items():
        if column not in catalogue.columns:
            continue
        columns[name] = [printable(text) for text in catalogue[column]]
        array = group.create_array(
            name, shape=(len(catalogue),), chunks=(min(len(catalogue), _TEXTS_PER_CHUNK),),
            dtype=str, overwrite=True,
        )  # fmt: skip
        array[:] = np.array(columns[name], dtype=object)
    del columns["paths"]
    return digest_columns(columns)


def read_columns(group: "zarr.Group") -> dict[str, list[str]] | None:
    """Read the columns that `write_columns` has written, but for the paths.

    Returns
    -------
    columns : dict of str to list of str or None
        By the names of the arrays; None if they are not what was written.
    """
    names = [name for name in COLUMNS if name != "paths" and name in group]
    columns = {name: read_texts(group, name) for name in names}
    found = {name: texts for name, texts in columns.items() if texts is not None}
    return found if digest_columns(found) == group.attrs[COLUMNS_DIGEST] else None


def read_texts(group: "zarr.Group", name: str, rows: slice = slice(None)) -> list[str] | None:
    """Read an array of texts; None if a chunk of it is damaged and shows it."""
    array: Any = group[name]
    try:
        return np.asarray(array[rows]).tolist()
    except (ValueError, RuntimeError):  # of another length, or not compressed
        return None


def list_rows(store: RasterStore, *, ignore_split: bool = False) -> pd.DataFrame:
    """Make a catalogue of the rows of a store.

    Parameters
    ----------
    store : RasterStore
        The store.
    ignore_split : bool, default=False
        As for `load_catalogue`.

    Returns
    -------
    catalogue : DataFrame
        As from `load_catalogue`, in the order of the rows; what was left out is in
        ``attrs["quarantine"]`` too.

    Raises
    ------
    OSError
        If labels, pairs or parts are not what was written.
    """
    if (columns := read_columns(store.group)) is None:
        raise OSError(
            errno.EIO,
            "labels, pairs or parts of a split are missing or damaged; call rasterize again with "
            "the same images and parameters (skcomic rasterize)",
            store.place,
        )
    if ignore_split:
        columns.pop("split", None)
    catalogue = pd.DataFrame({COLUMNS[name]: texts for name, texts in columns.items()}, dtype=str)
    bad = store.attributes["quarantine"]
    if bad:
        catalogue = catalogue.drop(index=[each["row"] for each in bad]).reset_index(drop=True)
    catalogue.insert(0, "path", pd.Series(list(store.paths()), dtype=str))
    skipped = dict(Counter(each["kind"] for each in bad))
    catalogue.attrs.update(source=store.place, skipped=skipped, quarantine=bad)
    return catalogue


def digest_columns(columns: Mapping[str, Iterable[Any]]) -> str:
    """Hash columns of texts with their names."""
    whole = sha256()
    for name, column in columns.items():
        texts = "\0".join(map(str, column))
        whole.update(f"{name}\0{len(texts)}\0{texts}".encode(errors="surrogatepass"))
    return whole.hexdigest()


def printable(text: object) -> str:
    """Return a text that can be encoded: names of files need not be UTF-8."""
    return str(text).encode(errors="backslashreplace").decode()
