"""Keras and TensorFlow: attributes of models and callbacks, messages, files in memory.

It imports neither before they are needed.
"""

import logging
import random
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

# What TensorFlow 2.18 to 2.21 write to file descriptor 2 while it is imported, whatever its
# variables for the log level say: that there is no GPU, and how its build was optimised.
IMPORT_MESSAGES = re.compile(
    rb"before absl::InitializeLog|cudart_stub|cuda_platform|cpu_feature_guard|"
    rb"To enable the following instructions|oneDNN custom operations|"
    rb"computation_placer|failed call to cuInit|Unable to register cu|TF-TRT Warning|"
    rb"rebuild TensorFlow with"
)
# And while they write TensorFlow Lite files.
CONVERSION_MESSAGES = re.compile(
    rb"^[IW]0000 |^\d{4}-\d\d-\d\d \S+: [IW] |^WARNING: All log messages before|"
    rb"^INFO: Created TensorFlow Lite|^fully_quantize: "
)

_EAGER_SEEDS = ("_seed", "_rng")
_STOPPER_NUMBERS = ("wait", "best", "best_epoch")


def has_thread_setting(name: str) -> bool:
    """Return whether the user has set a number of threads; the public getter looks for GPUs.

    Parameters
    ----------
    name : {"intra_op", "inter_op"}
        Which threads.

    Returns
    -------
    is_set : bool
        Also False where TensorFlow keeps the setting in another way.
    """
    module = sys.modules.get("tensorflow.python.eager.context")
    if module is None:
        return False
    return getattr(module.context(), f"_{name}_parallelism_threads", None) is not None


@contextmanager
def detached_model(callbacks: list[Any]) -> Iterator[None]:
    """Remove the model from callbacks after training: they are cloned and pickled without it.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback
        `set_model(None)`, the public way, is overridden by callbacks that use the model there.
    """
    try:
        yield
    finally:
        for callback in callbacks:
            callback._model = None


def early_stopping_state(stopper: Any) -> tuple[dict[str, Any], Any]:
    """Return what an EarlyStopping remembers of the epochs so far.

    Parameters
    ----------
    stopper : keras.callbacks.EarlyStopping
        In training.

    Returns
    -------
    numbers : dict of str to number
        Plain data.
    weights : list of ndarray or None
        Of the best epoch.
    """
    return {name: getattr(stopper, name) for name in _STOPPER_NUMBERS}, stopper.best_weights


def restore_early_stopping(stopper: Any, numbers: dict[str, Any], weights: Any) -> None:
    """Give an EarlyStopping what `early_stopping_state` returned.

    Parameters
    ----------
    stopper : keras.callbacks.EarlyStopping
        Whose `on_train_begin` was called.
    numbers, weights
        As returned.
    """
    for name in _STOPPER_NUMBERS:
        setattr(stopper, name, numbers[name])
    stopper.best_weights = weights


def set_steps_per_execution(model: Any, steps: int) -> None:
    """Set how many batches TensorFlow trains before Python looks again.

    Parameters
    ----------
    model : keras.Model
        Compiled. Keras keeps the function that it made for another number of steps.
    steps : int
        Number of batches.
    """
    if model.steps_per_execution != steps:
        model.steps_per_execution = steps
        model.train_function = None


@contextmanager
def silenced_retracing() -> Iterator[None]:
    """Keep TensorFlow from warning that graphs are traced again: each fit has its own network."""

    def is_other_message(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(is_other_message)
    try:
        yield
    finally:
        logger.removeFilter(is_other_message)


def load_network(content: bytes) -> Any:
    """Load a network from memory: the public way takes only files.

    Parameters
    ----------
    content : bytes
        A ``.keras`` file.

    Returns
    -------
    network : keras.Model
        Not compiled.
    """
    from keras.src.saving import saving_lib

    return saving_lib._load_model_from_fileobj(
        BytesIO(content), custom_objects=None, compile=False, safe_mode=True
    )


@contextmanager
def seeded_globals(seed: int) -> Iterator[None]:
    """Seed what Keras and TensorFlow draw from, and restore it as if nothing had been drawn.

    The public ``keras.utils.set_random_seed`` cannot be undone: TensorFlow's generator of
    operation seeds would begin again, and so would the operations that it has cached.

    Parameters
    ----------
    seed : int
        The seed.
    """
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR
    from keras.src.utils.rng_utils import GLOBAL_RANDOM_SEED
    from tensorflow.python.eager.context import context

    names = (GLOBAL_RANDOM_SEED, GLOBAL_SEED_GENERATOR)
    of_keras = [global_state.get_global_attribute(name) for name in names]
    eager = context()
    of_tensorflow = {name: value for name, value in vars(eager).items() if name in _EAGER_SEEDS}
    global_state.set_global_attribute(GLOBAL_RANDOM_SEED, seed)
    global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, None)
    eager._seed, eager._rng = seed, random.Random(seed)
    try:
        yield
    finally:
        for name, value in zip(names, of_keras, strict=True):
            global_state.set_global_attribute(name, value)
        del eager._seed, eager._rng
        vars(eager).update(of_tensorflow)  # without a generator, if nothing was seeded yet
        if of_tensorflow.get("_seed") is None:
            # The cached operations keep the thread of each fit's input pipeline. Where the user
            # has seeded TensorFlow they have counters of draws, too, and stay.
            eager.clear_kernel_cache()
