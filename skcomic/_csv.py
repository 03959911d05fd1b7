"""Tables as CSV files that spreadsheets can open safely."""

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# What spreadsheets take for a formula: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


def encode_table(frame: "pd.DataFrame") -> bytes:
    """Write a table with texts of a user, such as names of files.

    Parameters
    ----------
    frame : DataFrame
        The table.

    Returns
    -------
    content : bytes
        CSV with a header and safe cells. Names that are not UTF-8 have the bytes that they have
        on the disk.
    """
    return frame.map(safe_cell).to_csv(index=False).encode(errors="surrogateescape")


def safe_cell(value: Any) -> Any:
    """Keep text in a CSV file from being taken for a formula by a spreadsheet.

    Parameters
    ----------
    value : object
        A cell.

    Returns
    -------
    value : object
        Text that begins as a formula does, and is no number, is given an apostrophe in front;
        all else is as it was.
    """
    if (
        not isinstance(value, str)
        or not value.startswith(_FORMULA_STARTS)
        or _NUMBER.fullmatch(value)
    ):
        return value
    return f"'{value}"
