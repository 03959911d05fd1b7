"""Plain data of tables and numbers, as JSON can hold it."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd


def list_rows(frame: pd.DataFrame | None) -> list[dict[Hashable, Any]] | None:
    """Make plain data of the rows of a table; what a row does not have is None."""
    return (
        None
        if frame is None
        else frame.astype(object).where(frame.notna(), None).to_dict("records")
    )


def to_plain(value: Any) -> Any:
    """Make plain data of numbers and labels of other kinds, such as numpy's."""
    if isinstance(value, dict):
        return {str(key): to_plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | int | float | None) else str(value)
