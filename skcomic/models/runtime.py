"""What computes a plan: onnxruntime where that is faster and installed, else numpy."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from skcomic.models.interpreter import run_plan
from skcomic.models.onnx_graph import OnnxGraph, add_plan, import_optional
from skcomic.models.plan import Plan

# Images that are computed at a time: of 1, 8, 64 and 512, 8 are the fastest.
_BATCH = 8
# From about so many images on, a net is computed faster in all than without onnxruntime, whose
# import takes 0.1 s.
_MANY = 64


def choose_runner(plan: Plan, n_images: int) -> Callable[[np.ndarray], np.ndarray]:
    """Choose what computes the probabilities of a plan.

    Parameters
    ----------
    plan : Plan
        Of `make_plan`.
    n_images : int
        How many are to be computed. Nets of 64x64 pixels are computed 3 to 9 times as fast by
        onnxruntime, other contenders are not, and few images are not worth its import.

    Returns
    -------
    run : callable
        Takes rows of shape (n_images, n_pixels), float32; returns probabilities of shape
        (n_images, n_classes), float32.
    """
    is_worth_it = n_images >= _MANY and any(step.kind == "convolution" for step in plan.steps)
    if not (is_worth_it and all(map(find_spec, ("onnx", "onnxruntime")))):
        return partial(run_plan, plan)
    graph = OnnxGraph()
    graph.add("Identity", add_plan(graph, plan, "rows"), name="probabilities")
    inputs = [graph.describe("rows", np.float32, ["n", plan.n_pixels])]
    outputs = [graph.describe("probabilities", np.float32, ["n", len(plan.classes)])]
    return partial(
        run_session, open_session(graph.make_model(inputs, outputs).SerializeToString())
    )


def open_session(content: bytes) -> Any:
    """Prepare an ONNX model to be run on one thread of the processor.

    Parameters
    ----------
    content : bytes
        Of the file.

    Returns
    -------
    session : onnxruntime.InferenceSession
        For `run_session`.

    Raises
    ------
    ImportError
        If onnxruntime is not installed.
    """
    onnxruntime = import_optional("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run_session(session: Any, values: np.ndarray) -> np.ndarray:
    """Compute probabilities, with the memory of a few images.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Of `open_session`.
    values : ndarray of shape (n_images, ...)
        What the model takes.

    Returns
    -------
    probabilities : ndarray of shape (n_images, n_classes), float32
        In the order of the classes.
    """
    (entry,) = session.get_inputs()
    starts = range(0, len(values), _BATCH)
    if not starts:  # which resizing no image fails at, in onnxruntime 1.20 to 1.23
        return np.empty((0, session.get_outputs()[0].shape[1]), dtype=np.float32)
    batches = [{entry.name: values[start : start + _BATCH]} for start in starts]
    return np.concatenate([session.run(["probabilities"], batch)[0] for batch in batches])
