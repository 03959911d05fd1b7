"""How far the fits of a study have come, counted across all of its processes."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skcomic.nets.backend import import_keras

Callback: Any = import_keras().callbacks.Callback

_POLL_SECONDS = 0.2


class EpochCounter(Callback):
    """A Keras callback that adds one byte to a file at the end of each epoch.

    The size of the file is the number of epochs done, by whichever process: appending a byte
    needs no lock, and nothing is lost with a worker that dies.

    Parameters
    ----------
    path : Path
        The file; it must exist. Where it does not (a worker on another machine), epochs are
        not counted.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Count one epoch."""
        self._count(1)

    def on_epochs_restored(self, n_epochs: int) -> None:
        """Count the epochs of a fit that was kept."""
        self._count(n_epochs)

    def _count(self, n_epochs: int) -> None:
        if self.path.exists():
            with self.path.open("ab") as file:
                file.write(b"." * n_epochs)

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return type(self), (self.path,)  # without the model that Keras hangs on it


@contextmanager
def counted_epochs(report: Callable[[int], None]) -> Iterator[EpochCounter]:
    """Give a counter to hand to the fits, and report its count while they run.

    Parameters
    ----------
    report : callable
        Called with the number of epochs done, from another thread, each time it has grown.

    Yields
    ------
    counter : EpochCounter
        For the parameter `callbacks` of each fit that is to be counted.
    """
    with tempfile.TemporaryDirectory(prefix="skcomic-") as folder:
        path = Path(folder, "epochs")
        path.touch()
        over = threading.Event()

        def look() -> None:
            seen = 0
            last_look = False
            while not last_look:
                last_look = over.wait(_POLL_SECONDS)
                if (count := path.stat().st_size) > seen:
                    seen = count
                    report(seen)

        watcher = threading.Thread(target=look, name="skcomic-progress", daemon=True)
        watcher.start()
        try:
            yield EpochCounter(path)
        finally:
            over.set()
            watcher.join()
