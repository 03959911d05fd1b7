"""Epochs counted across all processes that train."""

from pathlib import Path
from typing import Any

from skcomic.nets.backend import import_keras

Callback: Any = import_keras().callbacks.Callback


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
