"""What surrounds the training of one network: its turn, its seed, its hold-out, its callbacks."""

import logging
import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from skcomic.catalogue.splitting import assign_groups
from skcomic.nets.backend import keras, tensorflow, tf_get_seed, tf_set_seed
from skcomic.nets.checkpoints import FitStore, TrainingState

_LARGEST_SEED = np.iinfo(np.int32).max
_MAX_STEPS = 32
_MIN_LOOP_BATCHES = 48  # batches: each then takes 3 ms less
_BATCH_METHODS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
_BACKUP_SECONDS = 10.0
_SEED_LOCK = threading.RLock()


def draw_seed(random_state: Any) -> int:
    """Make of any kind of random state the int that Keras and TensorFlow want."""
    if random_state is None:
        return int(np.random.default_rng().integers(_LARGEST_SEED))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_LARGEST_SEED))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(_LARGEST_SEED))
    return int(random_state)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed all that Keras draws from, and leave the caller's generators as they were.

    scikeras does this too, but also switches TensorFlow to deterministic operations: on a
    processor the weights are the same without, and its input pipeline is slower and chatters.

    The generators belong to the process: networks that are trained in threads of one process
    (joblib's threading backend) take turns, or each would draw from the other's seed.
    """
    with _SEED_LOCK:
        python, numpy, tensorflow = random.getstate(), np.random.get_state(), tf_get_seed()  # noqa: NPY002
        keras.utils.set_random_seed(seed % _LARGEST_SEED)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
            tf_set_seed(tensorflow)


@contextmanager
def silence_retracing() -> Iterator[None]:
    """Keep TensorFlow from warning that graphs are compiled anew: each fit has its own network."""

    def is_remarkable(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(is_remarkable)
    try:
        yield
    finally:
        logger.removeFilter(is_remarkable)


def create_state(model: "keras.Model") -> None:
    """Create the variables of a compiled model's optimizer and metrics.

    Keras would do so while it compiles the first step of training, which TensorFlow then
    compiles twice: half of what a short training takes.
    """
    model.optimizer.build(model.trainable_variables)
    nothing = np.zeros((1, *model.layers[-1].output.shape[1:]), np.float32)
    model.compute_metrics(None, nothing, nothing)
    model.reset_metrics()


def forward_pass(model: "keras.Model") -> Any:
    """Compile a network's forward pass, once for batches of any length.

    `model.predict` compiles again for each new length of the last batch; called without being
    compiled, the network takes half as long again and keeps all layers' outputs in memory.
    """
    if not hasattr(model, "skcomic_forward_pass"):  # is not saved or pickled with the network
        rows = tensorflow.TensorSpec((None, *model.input_shape[1:]), tensorflow.float32)
        model.skcomic_forward_pass = tensorflow.function(
            lambda batch: model(batch, training=False), input_signature=[rows]
        )
    return model.skcomic_forward_pass


def set_steps_per_execution(
    model: "keras.Model", n_batches: int, n_epochs: int, callbacks: list[Any]
) -> None:
    """Let TensorFlow go through several batches by itself before Python looks again.

    As many as share the epoch equally, up to a number that a Ctrl-C can wait for; one where a
    callback wants to be told of batches, or where there are too few in all to make up for the
    tenth of a second that such a loop takes to compile. The weights are the same in any case.
    """
    watched = any(
        getattr(type(callback), name, None) is not getattr(keras.callbacks.Callback, name)
        for callback in callbacks
        for name in _BATCH_METHODS
    )
    most = 1 if watched or n_batches * n_epochs < _MIN_LOOP_BATCHES else _MAX_STEPS
    steps = max(n for n in range(1, most + 1) if n_batches % n == 0)
    if model.steps_per_execution != steps:
        model.steps_per_execution = steps
        model.train_function = None  # is compiled for a number of steps


def shuffled_batches(
    parts: tuple[np.ndarray, ...], batch_size: int, seed: int, n_seen: int = 0
) -> Any:
    """Give batches without end, in another order after each time that all images were seen.

    Those of the first `n_seen` times are passed over, before any row is copied.

    Keras would make such a dataset of arrays by itself, but start it anew for each epoch: 30 ms,
    and with 160 images of 64x64 pixels one second in eight.
    """
    data = tensorflow.data
    tensors = tuple(tensorflow.convert_to_tensor(part) for part in parts)
    order = data.Dataset.range(len(parts[0])).shuffle(len(parts[0]), seed=seed)
    n_batches = math.ceil(len(parts[0]) / batch_size)
    order = order.batch(batch_size).repeat().skip(n_seen * n_batches)
    batches = order.map(lambda rows: tuple(tensorflow.gather(tensor, rows) for tensor in tensors))
    options = data.Options()
    options.threading.private_threadpool_size = 1  # the cores are for the network
    options.autotune.enabled = False
    return batches.prefetch(1).with_options(options)


def hold_out(y: np.ndarray, groups: Any, fraction: float, seed: int) -> np.ndarray:
    """Choose the images that early stopping looks at.

    Parameters
    ----------
    y : ndarray of shape (n_images,)
        Labels; each class gives its share.
    groups : array-like of shape (n_images,) or None
        Images of one group stay together.
    fraction : float
        The share of the images that is wanted.
    seed : int
        Decides which.

    Returns
    -------
    is_held_out : ndarray of shape (n_images,), bool
        True for the images that are not trained on.

    Raises
    ------
    ValueError
        If the images or groups are too few for each class to be on both sides.
    """
    advice = (
        f"there are too few images or groups for validation_fraction={fraction}; give more of "
        "them or set early_stopping=False"
    )
    if groups is None:
        try:
            _, chosen = train_test_split(
                np.arange(len(y)), test_size=fraction, stratify=y, random_state=seed
            )
        except ValueError as error:
            raise ValueError(f"early stopping cannot hold images out: {advice}") from error
        is_held_out = np.isin(np.arange(len(y)), chosen)
    else:
        table = pd.DataFrame({"label": y, "pair": groups})
        part_of_each = assign_groups(table, [1 - fraction, fraction], check_random_state(seed))
        is_held_out = part_of_each == 1
    classes = set(np.unique(y).tolist())
    for name, part in (("training", y[~is_held_out]), ("validation", y[is_held_out])):
        if absent := classes - set(np.unique(part).tolist()):
            raise ValueError(
                f"early stopping finds no {name} image of class {sorted(absent)}: {advice}"
            )
    return is_held_out


class EpochTasks(keras.callbacks.Callback):
    """Tells scikit-learn's callbacks of each epoch, and stops when one of them asks for it."""

    def __init__(self, estimator: Any, context: Any) -> None:
        super().__init__()
        self._estimator = estimator
        self._context = context

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._epoch = self._context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(estimator=self._estimator)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        if self._epoch.call_on_fit_task_end(estimator=self._estimator):
            self.model.stop_training = True


class TimeLimit(keras.callbacks.Callback):
    """Stops a training that takes too long, in the middle of an epoch too.

    It is not told of batches, which would keep TensorFlow from going through several by itself.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.is_over = False
        self._timer = threading.Timer(min(max(seconds, 0), threading.TIMEOUT_MAX), self._stop)
        self._timer.daemon = True

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        self._timer.start()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        self._timer.cancel()

    def _stop(self) -> None:
        self.is_over = True
        if self.model is not None:
            self.model.stop_training = True


class EpochBackup(keras.callbacks.Callback):
    """Keeps how far a training has come, now and then, so that another process can go on.

    It must be the last of the callbacks, and told what the others have made of the epoch.

    Parameters
    ----------
    store : FitStore
        Where the state is kept.
    history, seconds : dict
        `history_` and `training_time_` of the epochs before this training.
    stopper : EarlyStopping or None
        Whose state is kept, too.
    kept : TrainingState or None
        What this training goes on from.
    is_orphaned : callable
        Tells whether nobody waits for this process any more: then it ends.
    """

    def __init__(
        self,
        store: FitStore,
        history: dict[str, list[float]],
        seconds: dict[str, float],
        stopper: Any,
        kept: TrainingState | None,
        is_orphaned: Callable[[], bool],
    ) -> None:
        super().__init__()
        self.store = store
        self.history = {name: list(values) for name, values in history.items()}
        self.seconds = seconds
        self.stopper = stopper
        self.kept = kept
        self.is_orphaned = is_orphaned

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        self.cpu, self.wall = time.process_time(), time.perf_counter()
        self.last_backup = self.wall
        if self.stopper is not None and self.kept is not None:  # it has just forgotten all
            vars(self.stopper).update(self.kept.numbers["stopper"])
            self.stopper.best_weights = self.kept.arrays["best_weights"]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        is_last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        is_orphaned = self.is_orphaned()
        since = time.perf_counter() - self.last_backup
        if not is_last and (is_orphaned or since >= _BACKUP_SECONDS):
            self.store.save_unfinished(self._state(epoch + 1))
            self.last_backup = time.perf_counter()
        if is_orphaned:
            os._exit(1)  # with its parent, a worker has lost all that it could report to

    def _state(self, n_epochs: int) -> TrainingState:
        state = state_of(self.model)
        state.numbers = {
            "history_": self.history,
            "n_iter_": n_epochs,
            "training_time_": {
                "cpu_seconds": self.seconds["cpu_seconds"] + time.process_time() - self.cpu,
                "wall_seconds": self.seconds["wall_seconds"] + time.perf_counter() - self.wall,
            },
        }
        if self.stopper is not None:
            names = ("wait", "best", "best_epoch")
            state.numbers["stopper"] = {name: getattr(self.stopper, name) for name in names}
            state.arrays["best_weights"] = self.stopper.best_weights
        return state


def state_of(model: "keras.Model") -> TrainingState:
    """Copy the weights of a network and the variables of its optimizer."""
    variables = [keras.ops.convert_to_numpy(each) for each in model.optimizer.variables]
    return TrainingState({"weights": model.get_weights(), "optimizer": variables}, {})


def set_state(model: "keras.Model", state: TrainingState) -> None:
    """Give a network and its optimizer what `state_of` copied."""
    model.set_weights(state.arrays["weights"])
    for variable, value in zip(model.optimizer.variables, state.arrays["optimizer"], strict=True):
        variable.assign(value)


@contextmanager
def detach_model(callbacks: list[Any]) -> Iterator[None]:
    """Let callbacks go of the network after training: they are cloned and pickled without it."""
    try:
        yield
    finally:
        for callback in callbacks:
            callback._model = None
