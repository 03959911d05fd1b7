"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def write_file(path: Path, content: str | bytes, *, fsync: bool = True) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path : Path
        The file; a former one is replaced once the new one is complete.
    content : str or bytes
        What is written; text as UTF-8.
    fsync : bool, default=True
        Whether to wait until the disk has it (some 10 ms), so that the file is whole after a
        power cut too. False: after one, it may be empty.

    Raises
    ------
    OSError
        If it cannot be written; it names the file. A former file is still there.
    """
    with atomic_write(path, fsync=fsync) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def atomic_write(path: Path, *, fsync: bool = True) -> Iterator[IO[bytes]]:
    """Give a file to write bit by bit, which appears whole or not at all.

    Parameters
    ----------
    path : Path
        The file; a former one is replaced at the end, unless an error ends the writing.
    fsync : bool, default=True
        As for `write_file`.

    Yields
    ------
    file : binary file
        Beside it, under another name.

    Raises
    ------
    OSError
        If it cannot be written; it names the file. A former file is still there.
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
            raise  # of what the caller does meanwhile
        raise OSError(error.errno, f"cannot write it: {error.strerror}", str(path)) from error
