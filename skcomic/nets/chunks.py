"""Training data that come in chunks: handed to TensorFlow, and waited for in Python."""

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any, Protocol

import numpy as np

from skcomic.nets.backend import import_keras, import_tensorflow

#: Rows, target and, where there are any, weights.
Data = tuple[np.ndarray, ...]


class Reader(Protocol):
    """What reads ahead."""

    def wait(self, seconds: float) -> bool:
        """Wait until the next chunk is read, for so long at most; return whether it is."""


class ChunkFeed(import_keras().callbacks.Callback):  # type: ignore[misc]
    """Feeds a training with chunks of images, and is one of its callbacks.

    TensorFlow takes a chunk when the batches of the one before it are used up. A Ctrl-C would
    not end its waiting for a chunk that is not read yet, so that Python waits before.

    Parameters
    ----------
    chunks : iterator of tuple of ndarray
        Of all epochs.
    sizes : list of int
        Number of images of each chunk of an epoch, in any order.
    reader : Reader
        Where the chunks come from.
    n_epochs : int
        How many.
    batch_size : int
        Images per step of training.
    """

    def __init__(
        self,
        chunks: Iterator[Data],
        sizes: list[int],
        reader: Reader,
        *,
        n_epochs: int,
        batch_size: int,
    ) -> None:
        super().__init__()
        self.chunks = chunks
        self.sizes = sizes
        self.reader = reader
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self._error: Exception | None = None
        self.n_taken = self.n_asked = 0  # batches

    def parts(self, n_classes: int) -> tuple["ChunkFeed", None]:  # noqa: ARG002
        """Give what is trained on, and that nothing is held out, as `TrainingData` does."""
        return self, None

    def dataset(self) -> Any:
        """Make a tf.data.Dataset of the chunks, which can be iterated over once."""
        tensorflow = import_tensorflow()
        first = next(self.chunks)
        self.chunks = chain([first], self.chunks)
        types = [part.dtype for part in first]
        shapes = [(None, *part.shape[1:]) for part in first]
        blank = [np.zeros((max(self.sizes), *part.shape[1:]), part.dtype) for part in first]

        def take(_: Any) -> tuple[Any, ...]:
            parts = tensorflow.numpy_function(lambda: self._take() or blank, [], types)
            return tuple(map(tensorflow.ensure_shape, parts, shapes))

        return tensorflow.data.Dataset.range(self.n_epochs * len(self.sizes)).map(take)

    def _take(self) -> Data | None:
        """Take a chunk; return None after an error, of which TensorFlow would print a page."""
        if self._error is None:
            try:
                chunk = next(self.chunks)
                self.n_taken += math.ceil(len(chunk[0]) / self.batch_size)
                return chunk
            except Exception as error:
                self._error = error
        return None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.n_asked += self.model.steps_per_execution
        while self.n_asked > self.n_taken and not self.reader.wait(0.05):
            pass
        self.raise_error()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        self.raise_error()

    def raise_error(self) -> None:
        """Raise what has ended the chunks too early."""
        if self._error is not None:
            raise self._error
