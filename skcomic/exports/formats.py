"""The formats that a model can be exported to."""

from collections.abc import Callable
from typing import NamedTuple

from skcomic.exports.c_program import open_c
from skcomic.exports.c_source import plan_to_c
from skcomic.exports.html_page import open_html, plan_to_html
from skcomic.exports.onnx_file import open_onnx, plan_to_onnx
from skcomic.exports.source import Predict
from skcomic.exports.tflite_file import open_tflite, plan_to_tflite


class Format(NamedTuple):
    """How a model is written for another program, and run by it.

    Parameters
    ----------
    write : callable
        Takes a plan, a `ModelSource` and, by their names, `options`; returns bytes.
    open : callable
        Takes the bytes; returns what takes rows of pixels and returns probabilities.
    options : tuple of str
        What `write` can do otherwise, of "inputs", "precision" and "calibration_rows".
    max_difference : float
        Of the probabilities of a right export in float32, from the same rows.
    """

    write: Callable[..., bytes]
    open: Callable[[bytes], Predict]
    options: tuple[str, ...]
    max_difference: float


FORMATS = {
    "onnx": Format(plan_to_onnx, open_onnx, ("inputs",), 1e-5),
    "tflite": Format(plan_to_tflite, open_tflite, ("precision", "calibration_rows"), 1e-4),
    "c": Format(plan_to_c, open_c, ("precision",), 1e-4),
    "html": Format(plan_to_html, open_html, (), 1e-4),
}
