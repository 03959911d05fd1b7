"""The epochs of one training: batches in, history and times out."""

import math
import time
from typing import Any, NamedTuple

from skcomic._compat.keras import detached_model, set_steps_per_execution, silenced_retracing
from skcomic.nets.backend import import_keras, import_tensorflow
from skcomic.nets.chunks import ChunkFeed, Data
from skcomic.nets.randomness import seeded

# Ctrl-C and the time limit wait for the batches that TensorFlow trains at once. One of 50 images
# of 64x64 pixels takes 0.1 s on one thread of an AVX2 processor, so 32 of them three seconds.
_MAX_STEPS = 32
# Batches: each then takes 3 ms less, and the loop takes a tenth of a second more to compile.
_MIN_LOOP_BATCHES = 48
_BATCH_METHODS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


class Trained(NamedTuple):
    """What `run_epochs` measured.

    Parameters
    ----------
    history : dict of str to list of float
        Loss and metrics of each epoch.
    n_epochs : int
        How many epochs were trained.
    cpu_seconds, wall_seconds : float
        How long they took.
    """

    history: dict[str, list[float]]
    n_epochs: int
    cpu_seconds: float
    wall_seconds: float


def run_epochs(
    model: Any,
    data: Data | ChunkFeed,
    *,
    batch_size: int,
    epochs: range,
    n_seen: int,
    seed: int,
    validation: Data | None,
    mirrored_shape: tuple[int, int] | None,
    callbacks: list[Any],
    verbose: int,
) -> Trained:
    """Train a compiled network.

    Parameters
    ----------
    model : keras.Model
        With its variables created.
    data : tuple of ndarray, or ChunkFeed
        Rows of shape (n_images, n_pixels), target, and weights where there are any.
    batch_size : int
        Images per step.
    epochs : range
        Numbers of the epochs to train, as callbacks are given them.
    n_seen : int
        How many epochs were trained with this seed already, before the process was killed.
    seed : int
        Decides the order of the images.
    validation : tuple of ndarray or None
        Images that the loss is computed on after each epoch.
    mirrored_shape : (int, int) or None
        Height and width of the images: in every second epoch their mirror images are trained on.
        None: in no epoch.
    callbacks : list of keras.callbacks.Callback
        Called in this order; the model is removed from them afterwards.
    verbose : int
        As for `keras.Model.fit`.

    Returns
    -------
    trained : Trained
        History, number of epochs and times.
    """
    n_batches = sum(count_batches(data, batch_size))
    with seeded(seed), silenced_retracing(), detached_model(callbacks):
        cpu, wall = time.process_time(), time.perf_counter()
        batches = shuffled_batches(
            data, batch_size, seed, n_seen, first_epoch=epochs.start, mirrored_shape=mirrored_shape
        )
        history = model.fit(
            batches,
            steps_per_epoch=n_batches,
            shuffle=False,  # the batches are shuffled already
            initial_epoch=epochs.start,
            epochs=epochs.stop,
            validation_data=validation,
            callbacks=callbacks,
            verbose=verbose,
        ).history
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    values = {name: [float(value) for value in history[name]] for name in history}
    return Trained(values, len(history["loss"]), cpu, wall)


def mirror_rows(rows: Any, shape: tuple[int, int]) -> Any:
    """Return rows of the mirror images, left for right.

    Parameters
    ----------
    rows : tensor or ndarray of shape (n_images, height * width)
        Rows of pixels.
    shape : (int, int)
        Height and width.

    Returns
    -------
    rows : tensor of shape (n_images, height * width)
        As many.
    """
    tensorflow = import_tensorflow()
    images = tensorflow.reshape(rows, (-1, *shape))
    return tensorflow.reshape(images[:, :, ::-1], (-1, shape[0] * shape[1]))


def choose_steps_per_execution(
    model: Any, n_batches: list[int], n_epochs: int, callbacks: list[Any]
) -> None:
    """Let TensorFlow train several batches before Python looks again.

    As many as share the epoch equally, up to a number that a Ctrl-C can wait for; one where a
    callback has a method for batches, or where there are too few in all to make up for the time
    that such a loop takes to compile. The weights are the same in any case.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    n_batches : list of int
        Of each chunk of an epoch: at once are trained no more than of one of them, so that
        TensorFlow waits for no more than the next chunk.
    n_epochs : int
        To be trained.
    callbacks : list of keras.callbacks.Callback
        Those of the user.
    """
    base = import_keras().callbacks.Callback
    needs_batches = any(
        getattr(type(callback), name, None) is not getattr(base, name)
        for callback in callbacks
        for name in _BATCH_METHODS
    )
    total = sum(n_batches)
    is_worth_it = not needs_batches and total * n_epochs >= _MIN_LOOP_BATCHES
    most = min(_MAX_STEPS, *n_batches) if is_worth_it else 1
    set_steps_per_execution(model, max(n for n in range(1, most + 1) if total % n == 0))


def count_batches(data: Data | ChunkFeed, batch_size: int) -> list[int]:
    """Count the batches of each chunk of an epoch; the last one of a chunk may be smaller."""
    return [math.ceil(size / batch_size) for size in chunk_sizes(data)]


def chunk_sizes(data: Data | ChunkFeed) -> list[int]:
    """Return the number of images in each chunk of an epoch; what is in memory is one chunk."""
    return data.sizes if isinstance(data, ChunkFeed) else [len(data[0])]


def shuffled_batches(
    data: Data | ChunkFeed,
    batch_size: int,
    seed: int,
    n_seen: int = 0,
    *,
    first_epoch: int = 0,
    mirrored_shape: tuple[int, int] | None = None,
) -> Any:
    """Give batches in another order after each time that all images of a chunk were seen.

    Keras would make such a dataset of arrays by itself, but start it again for each epoch: 30 ms,
    and with 160 images of 64x64 pixels one second in eight.

    Parameters
    ----------
    data : tuple of ndarray, or ChunkFeed
        Arrays of the same length, of which there are batches without end; or chunks of such,
        with batches to the end of the last one.
    batch_size : int
        Images per batch; the last one of a chunk may have fewer.
    seed : int
        Decides the orders within the chunks.
    n_seen : int, default=0
        So many times all images in memory are skipped at first, before any row is copied.
    first_epoch : int, default=0
        Number of the epoch that the first batch is of.
    mirrored_shape : (int, int) or None, default=None
        As for `run_epochs`; images are mirrored in epochs of odd numbers.

    Returns
    -------
    batches : tf.data.Dataset
        Of tuples of tensors.
    """
    tensorflow = import_tensorflow()
    n_batches, largest = sum(count_batches(data, batch_size)), max(chunk_sizes(data))
    order = tensorflow.data.Dataset.range(largest).shuffle(largest, seed=seed)

    def take(rows: Any, chunk: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(tensorflow.gather(part, rows) for part in chunk)

    def mirror(step: Any, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        taken, *others = batch
        if mirrored_shape is not None:
            is_odd = (first_epoch + step // n_batches) % 2 == 1
            taken = tensorflow.where(is_odd, mirror_rows(taken, mirrored_shape), taken)
        return taken, *others

    def cut(order: Any, chunk: tuple[Any, ...]) -> Any:
        n_images = tensorflow.shape(chunk[0], tensorflow.int64)[0]
        order = order[order < n_images]  # a chunk may be smaller than the largest
        batches = tensorflow.data.Dataset.from_tensor_slices(order).batch(batch_size)
        return batches.map(lambda rows: take(rows, chunk))

    if isinstance(data, ChunkFeed):
        orders = order.batch(largest).repeat()
        chunks = tensorflow.data.Dataset.zip(orders, data.dataset())
        batches = chunks.flat_map(cut).enumerate().map(mirror)
    else:
        tensors = tuple(tensorflow.convert_to_tensor(part) for part in data)
        order = order.batch(batch_size).repeat().skip(n_seen * n_batches)
        batches = order.enumerate().map(lambda step, rows: mirror(step, take(rows, tensors)))
    options = tensorflow.data.Options()
    options.threading.private_threadpool_size = 1  # the cores are for the network
    options.autotune.enabled = False
    return batches.prefetch(1).with_options(options)
