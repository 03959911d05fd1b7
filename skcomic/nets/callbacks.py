"""The Keras callbacks of one fit: tasks of scikit-learn, rates, seeds, time limit, backup."""

import threading
import time
from typing import Any

import numpy as np

from skcomic._compat.keras import early_stopping_state, restore_early_stopping
from skcomic._compat.sklearn import subtask
from skcomic.nets.backend import import_keras
from skcomic.nets.checkpoints import FitStore, TrainingState
from skcomic.nets.state import get_state

Callback: Any = import_keras().callbacks.Callback

#: A backup is made at the end of an epoch if the last one is so many seconds old: of a fit that
#: is killed no more than these and one epoch are lost, for a few ms of writing each time.
BACKUP_SECONDS = 10.0


class EpochTasks(Callback):
    """Calls scikit-learn's callbacks at each epoch, and stops when one of them asks for it.

    Parameters
    ----------
    estimator : estimator
        Whose fit it is.
    context : CallbackContext
        Of that fit.
    """

    def __init__(self, estimator: Any, context: Any) -> None:
        super().__init__()
        self._estimator = estimator
        self._context = context

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._epoch = subtask(self._context, self._estimator, "epoch")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        if self._epoch.end():
            self.model.stop_training = True


class LearningRates(Callback):
    """Sets the learning rate of each epoch.

    Parameters
    ----------
    first : int
        The first epoch of the training.
    rates : list of float
        Of this and the following epochs.
    """

    def __init__(self, first: int, rates: list[float]) -> None:
        super().__init__()
        self.first = first
        self.rates = rates

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.model.optimizer.learning_rate = self.rates[epoch - self.first]


class EpochSeeds(Callback):
    """Sets what the layers of dropout draw from in each epoch.

    Of a training that is resumed, saved, or lent another network, the epochs are then the same as
    without, and nothing of this has to be kept.

    Parameters
    ----------
    seed : int
        Of the fit.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        for layer in self.model.layers:
            if hasattr(layer, "seed_generator"):
                state = np.random.SeedSequence([self.seed, epoch]).generate_state(2)
                layer.seed_generator.state.assign(state)


class TimeLimit(Callback):
    """Stops a training that takes too long, in the middle of an epoch too.

    It has no method for batches, which would keep TensorFlow from training several at once.

    Parameters
    ----------
    seconds : float
        How long training may take.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.is_exceeded = False
        self._timer = threading.Timer(min(max(seconds, 0), threading.TIMEOUT_MAX), self._stop)
        self._timer.daemon = True

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        self._timer.start()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        self._timer.cancel()

    def _stop(self) -> None:
        self.is_exceeded = True
        if self.model is not None:
            self.model.stop_training = True


class EpochBackup(Callback):
    """Saves the state of a training every few seconds, so that another process can resume it.

    It must be the last of the callbacks, called when the others have done their part.

    Parameters
    ----------
    store : FitStore
        Where the state is saved.
    history, seconds : dict
        `history_` and `training_time_` of the epochs before this training.
    stopper : EarlyStopping or None
        Whose state is saved, too.
    restored : TrainingState or None
        What this training resumes from.
    """

    def __init__(
        self,
        store: FitStore,
        history: dict[str, list[float]],
        seconds: dict[str, float],
        stopper: Any,
        restored: TrainingState | None,
    ) -> None:
        super().__init__()
        self.store = store
        self.history = {name: list(values) for name, values in history.items()}
        self.seconds = seconds
        self.stopper = stopper
        self.restored = restored

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        self.cpu, self.wall = time.process_time(), time.perf_counter()
        self.last_backup = self.wall
        if self.stopper is not None and self.restored is not None:  # it has just been reset
            restore_early_stopping(
                self.stopper,
                self.restored.numbers["stopper"],
                self.restored.arrays["best_weights"],
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        is_last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        if not is_last and time.perf_counter() - self.last_backup >= BACKUP_SECONDS:
            self.store.save_unfinished(self._state(epoch + 1))
            self.last_backup = time.perf_counter()

    def _state(self, n_epochs: int) -> TrainingState:
        state = get_state(self.model)
        state.numbers = {
            "history_": self.history,
            "n_iter_": n_epochs,
            "training_time_": {
                "cpu_seconds": self.seconds["cpu_seconds"] + time.process_time() - self.cpu,
                "wall_seconds": self.seconds["wall_seconds"] + time.perf_counter() - self.wall,
            },
        }
        if self.stopper is not None:
            numbers, weights = early_stopping_state(self.stopper)
            state.numbers["stopper"], state.arrays["best_weights"] = numbers, weights
        return state
