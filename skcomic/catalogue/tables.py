"""A table with a row for each image -> rows."""

import os
import unicodedata
from pathlib import Path

import pandas as pd

from skcomic.catalogue.folders import ROWS
from skcomic.catalogue.pairs import PairRule
from skcomic.catalogue.validation import PART_OF_NAME, PARTS, normalize

_SHOWN = 10  # of each kind of mistake


class NotATableError(ValueError):
    """A file that is not a table."""


def read_table(
    table: Path,
    root: Path,
    path: str,
    label: str,
    pair: PairRule,
    *,
    ignore_split: bool,
) -> tuple[pd.DataFrame, PairRule]:
    """Read a table.

    Parameters
    ----------
    table : Path
        A CSV file.
    root : Path
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
                f"{str(table)!r} has no column {column!r}, only {frame.columns.tolist()}; name "
                f"the column of the {option} with {option}= (--{option}-column)"
            )
    files = [_find_file(root, name) for name in frame[path]]
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
    _check_rows(rows, table)
    rows = rows.drop_duplicates("path", ignore_index=True)
    return rows[list(ROWS)], pair


def _read_csv(table: Path) -> pd.DataFrame:
    try:
        with table.open(encoding="utf-8-sig") as file:
            header = file.readline()
        separator = max(",;\t", key=header.count)
        frame = pd.read_csv(
            table, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise NotATableError(
            f"cannot be read as a table with commas, semicolons or tabs in UTF-8 ({error})"
        ) from error
    return frame


def _find_file(root: Path, name: str) -> str:
    """Return the path of a file, in whichever Unicode form its name is on the disk."""
    for form in (name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)):
        if (path := root / form).exists():
            return os.path.normpath(path)
    return os.path.normpath(root / name)


def _check_rows(rows: pd.DataFrame, table: Path) -> None:
    """Refuse rows that are no labelled images; all of them are counted."""
    n_labels = rows.groupby("path").label.nunique()
    mistakes = {
        "files that do not exist": rows.within[[not Path(path).is_file() for path in rows.path]],
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
        raise ValueError(f"{str(table)!r} has {'; '.join(listed)}")
