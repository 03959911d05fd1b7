"""Whether the file of a cache is damaged, checked once for each state of the file.

LMDB maps the file into memory, so that reading a damaged page may end the process. LMDB damages
no page itself, not even if a process is killed: "no active data pages are ever overwritten,
which also provides resistance to corruption and eliminates the need of any special recovery
procedures after a system crash" (introduction of lmdb.h). Damage comes from elsewhere: a program
that writes to the file, a copy that ended too early, a disk. All but a disk change the state of
the file, so a file in the state that was recorded last needs no check. Bits that a disk flips
without changing the state are found in pixels, which have checksums of their own, but in the
other pages only by the next check.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

# Reads every page in a separate process, since reading a damaged one may end the process.
_CHECK = """
import sys, zlib, lmdb
with lmdb.open(sys.argv[1], subdir=False, readonly=True) as store:
    with store.begin(buffers=True) as transaction:
        for key, value in transaction.cursor():
            zlib.crc32(value)
"""


def marker_path(file: Path) -> Path:
    """Return the path of the file that holds the recorded state of a file."""
    return file.with_name(f"{file.name}-checked")


class IntegrityMarker:
    """The state in which an LMDB file was found undamaged, or was left by a transaction.

    The state is stored in a file in the same folder, which is locked while the LMDB file is
    opened or written. If several processes open the LMDB file at the same time, one of them checks
    it and the others wait. If a process is killed after a transaction and before it has recorded
    the new state, the next process checks the file.

    Parameters
    ----------
    file : Path
        The LMDB file; it may not exist yet, its folder must.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Check the file unless its state is the recorded one; open it inside this context.

        Raises
        ------
        OSError
            If the file is damaged, or if the marker cannot be opened.
        """
        with self._locked() as marker:
            before = self._state()
            is_recorded = before == marker.read()
            if before and not is_recorded:
                _check_pages(self._file)
            yield
            if not before or (not is_recorded and self._state() == before):
                self._record(marker)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Record the state after a transaction, unless something else had changed the file.

        Raises
        ------
        OSError
            If the marker cannot be opened.
        """
        with self._locked() as marker:
            is_recorded = self._state() == marker.read()
            yield
            if is_recorded:
                self._record(marker)

    def check(self) -> None:
        """Check the file unless its state is the recorded one.

        Raises
        ------
        OSError
            If the file is damaged, or if the marker cannot be opened.
        """
        with self.opening():
            pass

    @contextmanager
    def _locked(self) -> Iterator[FileIO]:
        with marker_path(self._file).open("a+b", buffering=0) as marker:
            fcntl.flock(marker, fcntl.LOCK_EX)
            try:
                marker.seek(0)
                yield marker
            finally:
                # Closing alone would not release it in a process that forked in the meantime.
                fcntl.flock(marker, fcntl.LOCK_UN)

    def _state(self) -> bytes:
        """Return what changes when the file does; empty if there is no file or nothing in it."""
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            return b""
        if not stat.st_size:
            return b""
        numbers = stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
        return b"%d %d %d %d %d" % numbers

    def _record(self, marker: FileIO) -> None:
        # Without permission or room, nothing is recorded: the next process checks the file.
        with suppress(OSError):
            # The kernel's own times advance in steps of up to 10 ms, so that a later change could
            # get the same ones; this time is precise to the nanosecond.
            now = time.time_ns()
            os.utime(self._file, ns=(now, now))
            marker.truncate(0)
            marker.write(self._state())


def _check_pages(file: Path) -> None:
    command = [sys.executable, "-c", _CHECK, str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = result.stderr.strip().rpartition("\n")[2] or "pages are missing"
        raise OSError(f"{str(file)!r} is damaged: {reason}")
