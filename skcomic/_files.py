"""Writing files atomically."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


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
        The file; an existing one is replaced at the end, unless an error was raised, and its mode
        and owner stay. Of a link the target is replaced. What is written to a pipe or a device
        goes there at once.
    fsync : bool, default=True
        As for `write_file`.

    Yields
    ------
    file : binary file
        A temporary file in the same folder, or the pipe or device.

    Raises
    ------
    OSError
        If the file cannot be written; the error names it. An existing file is not changed.
    """
    state = path.stat() if path.exists() else None
    if state is not None and not stat.S_ISREG(state.st_mode):
        if not (stat.S_ISFIFO(state.st_mode) or stat.S_ISCHR(state.st_mode)):
            kind = "a folder" if stat.S_ISDIR(state.st_mode) else "neither a file nor a pipe"
            raise OSError(errno.EINVAL, f"cannot write it: it is {kind}", str(path))
        with path.open("wb") as stream:
            yield stream
        return
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}-{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:  # its mode follows the umask
            yield file
            if state is not None:
                _copy_owner_and_mode(state, file.fileno())
            if fsync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError) or error.filename not in (None, str(temporary)):
            raise  # not an error of writing, but of the caller's code in the context
        raise OSError(error.errno, f"cannot write it: {error.strerror}", str(path)) from error


def _copy_owner_and_mode(state: os.stat_result, descriptor: int) -> None:
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (state.st_uid, state.st_gid):
        with suppress(PermissionError):  # only root may give files away
            os.fchown(descriptor, state.st_uid, state.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(state.st_mode))
