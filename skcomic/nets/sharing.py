"""Compiled networks that the fits of one process share, so that each is traced once.

TensorFlow traces and optimises the step of training of each network: a second, as long as a small
net trains. Fits that differ in images and seeds alone, as those of folds do, need the same step.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skcomic._estimator import RUN_PARAMETERS
from skcomic.nets.randomness import seeded
from skcomic.nets.state import create_variables, get_state, set_state

# As many nets as `make_contenders` gives, so that each is traced once if folds take turns with all
# of them. One takes a few megabytes, which TensorFlow does not free if it is dropped.
_MAX_NETWORKS = 24
_networks: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
_lock = threading.RLock()


@contextmanager
def shared_network(net: Any) -> Iterator[Any]:
    """Lend a compiled network in place of that of a classifier, which gets what it has learnt.

    Parameters
    ----------
    net : NetClassifier
        Its `model_` has the state that the training begins with, and afterwards the one that it
        ended with; after an error it is as before.

    Yields
    ------
    network : keras.Model
        Of the same topology, compiled in the same way, in the state of `model_`. Other threads
        wait for it.
    """
    key = _key(net)
    with _lock:
        network = _networks.pop(key, None)
        if network is None:
            with seeded(0):  # the first weights are replaced at once
                network = net._build_network(net.n_features_in_, net.n_classes_, **net._built_as)
                network.compile(**net._get_compile_kwargs())
                create_variables(network)
        set_state(network, get_state(net.model_))
        yield network
        set_state(net.model_, get_state(network))
        # Not before: of a training that failed the network may be in any state.
        _networks[key] = network
        if len(_networks) > _MAX_NETWORKS:
            _networks.popitem(last=False)


def _key(net: Any) -> tuple[Any, ...]:
    """Return all that may decide on the network and on how it is compiled."""
    settings = {
        name: value
        for name, value in net.get_params(deep=False).items()
        if name not in RUN_PARAMETERS and name != "random_state"
    }
    return type(net), net.n_features_in_, net.n_classes_, net.precision_, repr(settings)
