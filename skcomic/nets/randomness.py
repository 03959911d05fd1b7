"""Seeds: what Keras and TensorFlow draw from during a fit, and nothing else."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skcomic._compat.keras import seeded_globals
from skcomic.nets.backend import start_keras

_LARGEST_SEED = np.iinfo(np.int32).max
_SEED_LOCK = threading.RLock()


def draw_seed(random_state: Any) -> int:
    """Turn any kind of random state into an int, which Keras and TensorFlow require."""
    if random_state is None:
        return int(np.random.default_rng().integers(_LARGEST_SEED))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_LARGEST_SEED))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(_LARGEST_SEED))
    return int(random_state)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed all that Keras draws from, and restore the caller's generators afterwards.

    scikeras does this too, but also switches TensorFlow to deterministic operations: on a
    processor the weights are the same without, and its input pipeline is slower and prints
    warnings.

    The generators belong to the process: networks that are trained in threads of one process
    (joblib's threading backend) take turns, or each would draw from the other's seed.
    """
    start_keras()
    seed %= _LARGEST_SEED
    with _SEED_LOCK:
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            with seeded_globals(seed):
                yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
