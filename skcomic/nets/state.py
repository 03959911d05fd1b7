"""What training has made of a network: its variables, copied out of it and put back."""

from typing import Any

import numpy as np

from skcomic.nets.backend import import_keras
from skcomic.nets.checkpoints import TrainingState


def create_variables(model: Any) -> None:
    """Create the variables of a compiled model's optimizer and metrics.

    Keras would do so while it traces the first step of training, which TensorFlow then traces
    twice: half of what a short training takes.
    """
    model.optimizer.build(model.trainable_variables)
    nothing = np.zeros((1, *model.layers[-1].output.shape[1:]), np.float32)
    model.compute_metrics(None, nothing, nothing)
    model.reset_metrics()


def get_state(model: Any) -> TrainingState:
    """Copy the weights of a network and the variables of its optimizer."""
    to_numpy = import_keras().ops.convert_to_numpy
    variables = [to_numpy(variable) for variable in model.optimizer.variables]
    return TrainingState({"weights": model.get_weights(), "optimizer": variables}, {})


def set_state(model: Any, state: TrainingState) -> None:
    """Give a network and its optimizer what `get_state` copied."""
    model.set_weights(state.arrays["weights"])
    for variable, value in zip(model.optimizer.variables, state.arrays["optimizer"], strict=True):
        variable.assign(value)
