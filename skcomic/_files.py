"""Writing files atomically."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

# https://owasp.org/www-community/attacks/CSV_Injection
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_file(path: Path, content: str | bytes, *, fsync: bool = True) -> None:
    """Write a file atomically: it has all of its content, or is not changed.

    Parameters
    ----------
    path : Path
        The file; an existing one is replaced when the new one is complete.
    content : str or bytes
        The content; text is encoded as UTF-8.
    fsync : bool, default=True
        Whether to wait until the content is on the disk (about 10 ms), so that the file is
        complete after a power failure too. Otherwise it may be empty after one.

    Raises
    ------
    OSError
        If the file cannot be written; the error names it. An existing file is not changed.
    """
    with atomic_write(path, fsync=fsync) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def atomic_write(path: Path, *, fsync: bool = True) -> Iterator[IO[bytes]]:
    """Open a file for writing that replaces another one when the context ends.

    Parameters
    ----------
    path : Path
        The file; an existing one is replaced at the end, unless an error was raised.
    fsync : bool, default=True
        As for `write_file`.

    Yields
    ------
    file : binary file
        A temporary file in the same folder.

    Raises
    ------
    OSError
        If the file cannot be written; the error names it. An existing file is not changed.
    """
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}-", delete=False
        ) as file:
            temporary = Path(file.name)
            yield file
            if fsync:
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        own_names = {None, str(temporary)} if temporary else {getattr(error, "filename", None)}
        if not isinstance(error, OSError) or error.filename not in own_names:
            raise  # not an error of writing, but of the caller's code in the context
        raise OSError(error.errno, f"cannot write it: {error.strerror}", str(path)) from error


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
