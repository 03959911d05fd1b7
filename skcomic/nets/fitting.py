"""One fit of a classifier: make the callbacks, run the epochs, record; keep the fit for later."""

from typing import Any, NamedTuple

import numpy as np

from skcomic._estimator import RUN_PARAMETERS, public_name
from skcomic.nets.backend import import_keras
from skcomic.nets.callbacks import EpochBackup, EpochSeeds, LearningRates, TimeLimit
from skcomic.nets.checkpoints import FitStore, TrainingState, fit_key
from skcomic.nets.chunks import ChunkFeed, Data
from skcomic.nets.sharing import shared_network
from skcomic.nets.state import get_state, set_state
from skcomic.nets.topology import count_multiply_adds
from skcomic.nets.training import (
    choose_steps_per_execution,
    chunk_sizes,
    count_batches,
    run_epochs,
)

# Parameters that a fit is known by through what they became.
_RESOLVED = {"class_weight", "precision", "random_state", "warm_start"}
_TRAINED_ATTRIBUTES = ("history_", "n_iter_", "training_time_", "multiply_adds_")


class TrainingData(NamedTuple):
    """What one training is given.

    Parameters
    ----------
    rows : ndarray of shape (n_images, n_pixels), float32
        Rows of pixels.
    codes : ndarray of shape (n_images,), int
        For each image the index of its class.
    weights : ndarray of shape (n_images,) or None
        Weight of each image in the loss.
    held_out : ndarray of shape (n_images,), bool, or None
        The images that early stopping looks at, instead of training on them.
    """

    rows: np.ndarray
    codes: np.ndarray
    weights: np.ndarray | None = None
    held_out: np.ndarray | None = None

    def parts(self, n_classes: int) -> tuple[Data, Data | None]:
        """Give what is trained on, and what early stopping looks at, with targets."""
        codes = self.codes
        target = codes[:, np.newaxis] if n_classes == 2 else np.eye(n_classes)[codes]
        data = tuple(part for part in (self.rows, target, self.weights) if part is not None)
        if self.held_out is None:
            return data, None
        return select_rows(~self.held_out, *data), select_rows(self.held_out, *data)


def select_rows(mask: np.ndarray, *parts: Any) -> tuple[Any, ...]:
    """Take the rows where a mask is True from each array that is not None."""
    return tuple(None if part is None else part[mask] for part in parts)


def train_with_checkpoint(net: Any, data: TrainingData, tasks: list[Any]) -> None:
    """Train the network of a classifier and keep the fit, unless the same one is kept already.

    Parameters
    ----------
    net : NetClassifier
        With a network that is not trained yet; changed in place.
    data : TrainingData
        What it is trained on.
    tasks : list of keras.callbacks.Callback
        Beside those of the user.
    """
    store = FitStore(net.checkpoint_dir, _fit_key(net, data))
    if finished := store.finished():
        _restore(net, finished)
        for callback in net.callbacks or []:
            if hasattr(callback, "on_epochs_restored"):
                callback.on_epochs_restored(net.n_iter_)
        return
    train(net, data, net.epochs, tasks, store)
    state = get_state(net.model_)
    state.numbers = {name: getattr(net, name) for name in _TRAINED_ATTRIBUTES}
    store.save_finished(state)


def train(
    net: Any,
    data: TrainingData | ChunkFeed,
    n_epochs: int,
    tasks: list[Any] | None = None,
    store: FitStore | None = None,
) -> None:
    """Train the network of a classifier for some more epochs, less those that a store has.

    Parameters
    ----------
    net : NetClassifier
        Changed in place.
    data : TrainingData or ChunkFeed
        What it is trained on.
    n_epochs : int
        How many epochs.
    tasks : list of keras.callbacks.Callback, default=None
        Beside those of the user.
    store : FitStore, default=None
        Where the state is saved every few seconds, and taken from.

    Raises
    ------
    TimeoutError
        If it takes longer than the parameter `max_seconds`.
    """
    first, seconds_before = net.n_iter_, net.training_time_["wall_seconds"]
    unfinished = store.unfinished() if store else None
    if unfinished:
        _restore(net, unfinished)
    epochs = range(net.n_iter_, first + int(n_epochs))
    spent = net.training_time_["wall_seconds"] - seconds_before
    training, validation = data.parts(net.n_classes_)

    rates = LearningRates(first, net._learning_rates(int(n_epochs)))
    callbacks, limit = _make_callbacks(
        net, [rates, EpochSeeds(net._seed), *(tasks or [])], validation, spent, store, unfinished
    )
    if isinstance(training, ChunkFeed):
        callbacks.append(training)
    n_batches = count_batches(training, net.batch_size)
    with shared_network(net) as network:
        choose_steps_per_execution(network, n_batches, int(n_epochs), net.callbacks or [])
        trained = run_epochs(
            network,
            training,
            batch_size=int(net.batch_size),
            epochs=epochs,
            n_seen=net.n_iter_ - first,
            seed=net._seed + first,
            validation=validation,
            mirrored_shape=net._mirrored_shape,
            callbacks=callbacks,
            verbose=int(net.verbose),
        )

    for name, values in trained.history.items():
        net.history_.setdefault(name, []).extend(values)
    net.n_iter_ += trained.n_epochs
    net.training_time_ = {
        "cpu_seconds": net.training_time_["cpu_seconds"] + trained.cpu_seconds,
        "wall_seconds": net.training_time_["wall_seconds"] + trained.wall_seconds,
    }
    n_trained = net.n_iter_ - first
    net.multiply_adds_ += count_multiply_adds(net.model_) * sum(chunk_sizes(training)) * n_trained
    if limit and limit.is_exceeded:
        raise TimeoutError(
            f"training took longer than {net.max_seconds} s; it was stopped in epoch "
            f"{n_trained} of {n_epochs}"
        )


def _make_callbacks(
    net: Any,
    tasks: list[Any],
    validation: Data | None,
    spent: float,
    store: FitStore | None,
    unfinished: TrainingState | None,
) -> tuple[list[Any], TimeLimit | None]:
    """Make the callbacks of one training, in the order in which Keras calls them."""
    callbacks, stopper, limit = [*(net.callbacks or []), *tasks], None, None
    if validation is not None:
        stopper = import_keras().callbacks.EarlyStopping(
            "val_loss", patience=int(net.n_iter_no_change), restore_best_weights=True
        )
        callbacks.append(stopper)
    if net.max_seconds is not None:
        limit = TimeLimit(net.max_seconds - spent)
        callbacks.append(limit)
    if store is not None:
        callbacks.append(EpochBackup(store, net.history_, net.training_time_, stopper, unfinished))
    return callbacks, limit


def _restore(net: Any, state: TrainingState) -> None:
    """Give a classifier what another training made of its network."""
    set_state(net.model_, state)
    for name in state.numbers.keys() & set(_TRAINED_ATTRIBUTES):
        setattr(net, name, state.numbers[name])


def _fit_key(net: Any, data: TrainingData) -> str:
    parameters = net.get_params()
    settings = {
        name: value
        for name, value in parameters.items()
        if name not in RUN_PARAMETERS and name not in _RESOLVED
    }
    settings |= {
        "class": public_name(f"{type(net).__module__}.{type(net).__qualname__}"),
        "classes": net.classes_.tolist(),
        "precision": net.precision_,
        "seed": net._seed,
    }
    return fit_key(settings, data)
