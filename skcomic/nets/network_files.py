"""Trained networks as bytes, and networks given back to the classifiers that trained them."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from skcomic._compat.keras import load_network
from skcomic.nets.backend import start_keras
from skcomic.nets.randomness import seeded
from skcomic.nets.state import create_variables


def is_network(value: Any) -> bool:
    """Return whether a value is a Keras network; nothing is imported for it."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.Model)


def is_fitted_classifier(value: Any) -> bool:
    """Return whether a value is a fitted classifier of this room: its network is `model_`.

    Nothing is imported for it.
    """
    base = sys.modules.get("skcomic.nets.base")
    return base is not None and isinstance(value, base.NetClassifier) and hasattr(value, "model_")


def network_to_bytes(network: Any) -> bytes:
    """Save the layers and the weights of a network, without its optimizer, loss and metrics.

    Parameters
    ----------
    network : keras.Sequential
        It is not changed.

    Returns
    -------
    content : bytes
        A ``.keras`` file.
    """
    keras = start_keras()
    with seeded(0):  # the first weights are drawn, and replaced at once
        uncompiled = keras.Sequential.from_config(network.get_config())
    uncompiled.set_weights(network.get_weights())
    with tempfile.TemporaryDirectory(prefix="skcomic-") as folder:
        file = Path(folder, "network.keras")
        uncompiled.save(file)
        return file.read_bytes()


def network_from_bytes(content: bytes) -> Any:
    """Load a network that `network_to_bytes` saved.

    Parameters
    ----------
    content : bytes
        A ``.keras`` file. Keras does not protect from what a hostile one holds: check it first.

    Returns
    -------
    network : keras.Model
        Not compiled, so not ready to be trained.
    """
    start_keras()
    return load_network(content)


def optimizer_values(network: Any) -> list[np.ndarray]:
    """Copy the values of all variables of a compiled network's optimizer.

    Parameters
    ----------
    network : keras.Model
        A compiled network.

    Returns
    -------
    values : list of ndarray
        In the order of the optimizer's variables.
    """
    keras = start_keras()
    return [keras.ops.convert_to_numpy(variable) for variable in network.optimizer.variables]


def restore_network(classifier: Any, network: Any, optimizer: list[np.ndarray]) -> None:
    """Give a fitted classifier its network back, ready for further training.

    Parameters
    ----------
    classifier : estimator
        A classifier of this room with all of its fitted attributes; its `model_` is replaced.
    network : keras.Model
        From `network_from_bytes`; it is compiled as the classifier compiles its networks.
    optimizer : list of ndarray
        From `optimizer_values`.

    Raises
    ------
    ValueError
        If the network or the optimizer's values are not those of such a classifier.
    """
    found = network.input_shape[1], network.output_shape[1]
    required = (
        classifier.n_features_in_,
        1 if classifier.n_classes_ == 2 else classifier.n_classes_,
    )
    if found != required:
        raise ValueError(
            f"its network goes from {found[0]} to {found[1]} values, but its classifier from "
            f"{required[0]} to {required[1]}"
        )
    network.compile(**classifier._get_compile_kwargs())
    create_variables(network)
    variables = network.optimizer.variables
    if [variable.shape for variable in variables] != [value.shape for value in optimizer]:
        raise ValueError("the state of its optimizer does not fit its network")
    for variable, value in zip(variables, optimizer, strict=True):
        variable.assign(value)
    classifier.model_ = network
