"""A table with a row for each image -> rows."""

import io
import os
import unicodedata
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pandas as pd

from skcomic.catalogue.folders import ROWS
from skcomic.catalogue.pairs import PairRule
from skcomic.catalogue.validation import PART_OF_NAME, PARTS, normalize
from skcomic.images.remote import Stores
from skcomic.images.remote_folders import naming
from skcomic.images.remote_states import look_up
from skcomic.images.urls import is_url, join_url

_SHOWN = 10  # of each kind of mistake
_MAX_BYTES = 1 << 30  # of a table in a store


class NotATableError(ValueError):
    """A file that is not a table."""


def read_table(
    table: str,
    root: str,
    path: str,
    label: str,
    pair: PairRule,
    *,
    ignore_split: bool,
) -> tuple[pd.DataFrame, PairRule]:
    """Read a table.

    Parameters
    ----------
    table : str
        A CSV file, or its URL.
    root : str
        The folder that paths are relative to.
    path, label : str
        Names of columns.
    pair : str, pattern, callable or None
        As for `load_catalogue`.
    ignore_split : bool
        Whether to leave out the column `split`.

    Returns
    -------
    rows : DataFrame
        With the columns `ROWS`.
    pair : str, pattern, callable or None
        The rule for pairs that are not in the table.

    Raises
    ------
    NotATableError
        If the file is something else.
    ValueError
        As for `load_catalogue`.
    """
    frame = _read_csv(table)
    for option, column in (("path", path), ("label", label)):
        if column not in frame.columns:
            raise ValueError(
                f"{table!r} has no column {column!r}, only {frame.columns.tolist()}; name "
                f"the column of the {option} with {option}= (--{option}-column)"
            )
    files, is_there = _find_files(root, frame[path])
    rows = pd.DataFrame(
        {"path": files, "label": frame[label].map(normalize), "within": frame[path]}
    )
    rows["pair"] = None
    rows["split"] = ""
    if pair == "stem" and "pair" in frame.columns:
        pair = "pair"
    if isinstance(pair, str) and pair in frame.columns:
        rows["pair"], pair = frame[pair], "none"
    if "split" in frame.columns and not ignore_split:
        rows["split"] = frame["split"].map(lambda name: PART_OF_NAME.get(name.lower(), name))
    _check_rows(rows, is_there, table)
    rows = rows.drop_duplicates("path", ignore_index=True)
    return rows[list(ROWS)], pair


def _read_csv(table: str) -> pd.DataFrame:
    try:
        text = _read_bytes(table).decode("utf-8-sig")
        separator = max(",;\t", key=text.partition("\n")[0].count)
        frame = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise NotATableError(
            f"cannot be read as a table with commas, semicolons or tabs in UTF-8 ({error})"
        ) from error
    return frame


def _read_bytes(table: str) -> bytes:
    if not is_url(table):
        return Path(table).read_bytes()
    with naming(table):
        return Stores().read(table, _MAX_BYTES)


def _find_files(root: str, names: Iterable[str]) -> tuple[list[str], list[bool]]:
    """Return the paths of files, in whichever Unicode form names are there, and which exist."""
    nfc, nfd = (partial(unicodedata.normalize, form) for form in ("NFC", "NFD"))
    forms = [
        [_join(root, form) for form in dict.fromkeys((name, nfc(name), nfd(name)))]
        for name in names
    ]
    urls = [path for paths in forms for path in paths if is_url(path)]
    found = dict(zip(urls, look_up(urls), strict=True))
    for url, facts in found.items():
        if isinstance(facts, OSError):
            with naming(url):
                raise facts
    chosen, is_there = [], []
    for paths in forms:
        existing = [path for path in paths if found.get(path) or Path(path).exists()]
        chosen.append(existing[0] if existing else paths[0])
        is_there.append(bool(existing) and (is_url(chosen[-1]) or Path(chosen[-1]).is_file()))
    return chosen, is_there


def _join(root: str, name: str) -> str:
    if is_url(name):
        return name
    if is_url(root) and not Path(name).is_absolute():
        return join_url(root, name)
    return os.path.normpath(Path(root, name))


def _check_rows(rows: pd.DataFrame, is_there: list[bool], table: str) -> None:
    """Refuse rows that are no labelled images; all of them are counted."""
    n_labels = rows.groupby("path").label.nunique()
    mistakes = {
        "files that do not exist": rows.within[[not there for there in is_there]],
        "rows without a label": rows.within[rows.label.str.strip() == ""],
        "files with two labels": rows.within[rows.path.map(n_labels) > 1].drop_duplicates(),
        "parts of a split that are not train, val or test": rows.split[
            ~rows.split.isin(["", *PARTS])
        ].drop_duplicates(),
    }
    listed = []
    for what, names in mistakes.items():
        if len(names):
            shown = ", ".join(map(repr, names[:_SHOWN]))
            listed.append(f"{len(names)} {what}: {shown}{' ...' if len(names) > _SHOWN else ''}")
    if listed:
        raise ValueError(f"{table!r} has {'; '.join(listed)}")
