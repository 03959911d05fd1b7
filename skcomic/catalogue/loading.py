"""A folder of images or a table of their labels -> a catalogue."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from skcomic.catalogue.folders import list_folder
from skcomic.catalogue.pairs import PairRule, make_pair_rule
from skcomic.catalogue.stored_columns import list_rows
from skcomic.catalogue.tables import NotATableError, read_table
from skcomic.catalogue.validation import normalize
from skcomic.images.decoding import PathLike
from skcomic.images.raster_store import find_store
from skcomic.images.remote_folders import is_folder
from skcomic.images.urls import absolute_path, is_url, parent_url

_EXPECTED = (
    "give the folder that holds one sub-folder of images per class, or a CSV file with a row for "
    "each image"
)


def load_catalogue(
    source: PathLike,
    *,
    pair: PairRule = "stem",
    extensions: Iterable[str] | None = None,
    ignore_split: bool = False,
    root: PathLike | None = None,
    path: str = "path",
    label: str = "label",
    min_classes: int = 2,
) -> pd.DataFrame:
    """List images with their classes, from a folder, a table or a store of rows.

    Parameters
    ----------
    source : str or path-like
        A folder, a CSV file, or a store of `rasterize`. Each sub-folder of a folder is a class
        with its name; all images in it and in its sub-folders belong to it. If the sub-folders are
        ``train``, ``val`` (``valid``, ``validation``) and ``test``, with the classes in each of
        them, the images are split already, and the catalogue has a column `split`. Links are
        followed. A table is separated by commas, semicolons or tabs, in UTF-8. Each may be named
        by a URL that fsspec reads: ``s3://bucket/faces``, ``zip://faces::/data/photos.zip``.
    pair : str, pattern, callable or None, default="stem"
        Which images belong together and must never be split: those with the same path within
        their class without the extension (``faces/7.jpg`` and ``comics/7.jpg`` are pair ``7``);
        or those of which the first group of a regular expression, searched in that path, is the
        same (``"(.*)_[0-9]+"`` for several photographs of one person); or those for which a
        function of the `Path`, of a URL that in its store, returns the same text; or none ("none"
        or None). Of a table it may be the name of a column, which is "pair" by default if there
        is such a column.
    extensions : iterable of str, default=None
        The extensions of image files, in upper or lower case. None: `EXTENSIONS`, and files of
        any other name that begin as an image does. Not for tables.
    ignore_split : bool, default=False
        Whether to leave out the column `split`.
    root : str or path-like, default=None
        The folder that the paths of a table are relative to; they may also be URLs. None: the
        folder of the table.
    path, label : str, default="path", "label"
        Columns of a table. A column "split" with the parts of a split is used as such.
    min_classes : int, default=2
        How many classes there must be at least; 1 is for `evaluate`.

    Returns
    -------
    catalogue : DataFrame of shape (n_images, 3) or (n_images, 4)
        Columns `path`, `label` and `pair`, and perhaps `split` ("train", "validation" or
        "test"), all strings; that of a folder is sorted by label and path. Paths are absolute;
        labels and pairs are in the Unicode form NFC, whatever the form of file names is. Its
        ``attrs`` contain the `source` and a dict of the numbers of files that were `skipped`, by
        the reason.

    Raises
    ------
    FileNotFoundError
        If `source` does not exist.
    NotADirectoryError
        If `source` is a file that is no table.
    PermissionError, ConnectionError
        If a store does not answer, or not to the user; nothing is left out.
    ValueError
        If there are fewer classes than `min_classes`; if a class is missing in a part of a split;
        if files of a table are missing, have no label or two; or if a parameter is not for this
        kind of source.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_comic_faces(2, size=32, out_dir=folder, random_state=0)
    ...     catalogue = load_catalogue(folder)
    >>> catalogue.label.tolist()
    ['comics', 'comics', 'faces', 'faces']
    >>> catalogue.pair.nunique()
    2
    """
    if (store := find_store(source)) is not None:
        if extensions is not None or root is not None or (path, label) != ("path", "label"):
            raise ValueError(
                f"extensions, root, path and label are not for stores such as {store.place!r}"
            )
        catalogue = _pairs_of_store(list_rows(store, ignore_split=ignore_split), pair)
        _check_n_classes(catalogue, store.place, min_classes)
        return catalogue
    is_of_classes = _is_folder(source)
    source = absolute_path(source)
    skipped: Counter[str] = Counter()
    if is_of_classes:
        if root is not None or (path, label) != ("path", "label"):
            raise ValueError(f"root, path and label are for tables, but {source!r} is a folder")
        suffixes = None if extensions is None else tuple(map(str.lower, extensions))
        rows = list_folder(
            source, suffixes, skipped, ignore_split=ignore_split, min_classes=min_classes
        )
    else:
        if extensions is not None:
            raise ValueError(f"extensions are for folders, but {source!r} is a file")
        folder = _parent(source) if root is None else absolute_path(root)
        try:
            rows, pair = read_table(source, folder, path, label, pair, ignore_split=ignore_split)
        except NotATableError as error:
            raise NotADirectoryError(f"{source!r} is a file that {error}; {_EXPECTED}") from error
        _check_n_classes(rows, source, min_classes)
    catalogue = _name_pairs(rows, pair)
    catalogue.attrs.update(source=source, skipped=dict(skipped))
    return catalogue


def _is_folder(source: PathLike) -> bool:
    if is_url(source):
        return is_folder(os.fspath(source))
    if not Path(source).exists():
        raise FileNotFoundError(f"there is no folder {os.fspath(source)!r}; {_EXPECTED}")
    return Path(source).is_dir()


def _parent(table: str) -> str:
    return parent_url(table) if is_url(table) else str(Path(table).parent)


def _check_n_classes(rows: pd.DataFrame, source: str, min_classes: int) -> None:
    if rows.label.nunique() < min_classes:
        least = "two or more classes" if min_classes > 1 else "a class"
        raise ValueError(f"{source!r} must have images of {least}")


def _pairs_of_store(catalogue: pd.DataFrame, pair: PairRule) -> pd.DataFrame:
    """Leave the pairs that are in a store as they are, or make each row a pair of its own."""
    if pair in (None, "none"):
        return catalogue.assign(pair=catalogue.path)
    if pair != "stem":
        raise ValueError(
            f"pair={pair!r} is not for a store, which has the pairs that it was made with; make "
            "another with these pairs"
        )
    return catalogue


def _name_pairs(rows: pd.DataFrame, pair: PairRule) -> pd.DataFrame:
    """Fill the column `pair`, where it is not given, from the paths within the classes."""
    name_pair = make_pair_rule(pair)
    names = []
    n_unmatched = 0
    for path, within, given, split in zip(
        rows.path, rows.within, rows.pair, rows.split, strict=True
    ):
        name = given or name_pair(path, within)
        n_unmatched += name is None
        # The parts of a split have pairs of their own: their images are not moved.
        names.append(path if name is None else f"{split}/{name}" if split else name)
    if len(rows) == n_unmatched and pair not in (None, "none"):
        raise ValueError(
            f"pair={pair!r} matches none of the {len(rows)} paths, such as {rows.within[0]!r}"
        )
    columns = {
        "path": rows.path,
        "label": rows.label,
        "pair": [normalize(name) for name in names],
    }
    if rows.split.any():
        columns["split"] = rows.split
    return pd.DataFrame(columns, dtype=str)
