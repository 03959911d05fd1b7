"""What surrounds the training of one network: its turn, its seed, its hold-out, its callbacks."""

import logging
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from skcomic._tensorflow import keras, tensorflow, tf_get_seed, tf_set_seed
from skcomic.catalogue import deal_out_pairs

_LARGEST_SEED = np.iinfo(np.int32).max
_MOST_STEPS = 32
_WORTH_A_LOOP = 48  # batches: each then takes 3 ms less
_OF_BATCHES = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
_TURN = threading.RLock()


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
    with _TURN:
        python, numpy, tensorflow = random.getstate(), np.random.get_state(), tf_get_seed()  # noqa: NPY002
        keras.utils.set_random_seed(seed % _LARGEST_SEED)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
            tf_set_seed(tensorflow)


@contextmanager
def retracing_unremarked() -> Iterator[None]:
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
        for name in _OF_BATCHES
    )
    most = 1 if watched or n_batches * n_epochs < _WORTH_A_LOOP else _MOST_STEPS
    steps = max(n for n in range(1, most + 1) if n_batches % n == 0)
    if model.steps_per_execution != steps:
        model.steps_per_execution = steps
        model.train_function = None  # is compiled for a number of steps


def shuffled_batches(parts: tuple[np.ndarray, ...], batch_size: int, seed: int) -> Any:
    """Give batches without end, in another order after each time that all images were seen.

    Keras would make such a dataset of arrays by itself, but start it anew for each epoch: 30 ms,
    and with 160 images of 64x64 pixels one second in eight.
    """
    data = tensorflow.data
    tensors = tuple(tensorflow.convert_to_tensor(part) for part in parts)
    order = data.Dataset.range(len(parts[0])).shuffle(len(parts[0]), seed=seed)
    batches = order.batch(batch_size).map(
        lambda rows: tuple(tensorflow.gather(tensor, rows) for tensor in tensors)
    )
    options = data.Options()
    options.threading.private_threadpool_size = 1  # the cores are for the network
    options.autotune.enabled = False
    return batches.repeat().prefetch(1).with_options(options)


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
        part_of_each = deal_out_pairs(table, [1 - fraction, fraction], check_random_state(seed))
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


@contextmanager
def released(callbacks: list[Any]) -> Iterator[None]:
    """Let callbacks go of the network after training: they are cloned and pickled without it."""
    try:
        yield
    finally:
        for callback in callbacks:
            callback._model = None
