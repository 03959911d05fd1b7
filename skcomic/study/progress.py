"""How far the fits of a study have come, counted across all of its processes."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skcomic.nets.epoch_counter import EpochCounter

_POLL_SECONDS = 0.2


@contextmanager
def counted_epochs(report: Callable[[int], None]) -> "Iterator[EpochCounter]":
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
    from skcomic.nets.epoch_counter import EpochCounter  # imports TensorFlow

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
