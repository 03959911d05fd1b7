"""A plan -> an ONNX file, and the probabilities that such a file gives."""

import json
from functools import partial
from typing import Literal, NamedTuple, get_args

import numpy as np

from skcomic.exports.source import ModelSource, Predict
from skcomic.images.loading import WHITE
from skcomic.models.onnx_graph import OnnxGraph, add_plan, import_optional
from skcomic.models.plan import Plan
from skcomic.models.runtime import open_session, run_session

Inputs = Literal["grey", "rgb"]
_Constant = str | np.generic

# Pillow's luma, as whole numbers, of which the last 16 bits are rounded off.
_LUMA, _LUMA_BITS = (19595, 38470, 7471), 16
# Pillow's weights of a filter are whole numbers of this many bits after the point.
_WEIGHT_BITS = 22
# Its `reduce` multiplies sums by whole numbers of so many bits, instead of dividing them.
_REDUCE_BITS, _REDUCE_RANGE = 24, 2.0**32


def plan_to_onnx(plan: Plan, source: ModelSource, *, inputs: Inputs = "grey") -> bytes:
    """Write a plan as an ONNX file of operators of version 17.

    Parameters
    ----------
    plan : Plan
        Of `make_plan`.
    source : ModelSource
        Where the model comes from.
    inputs : {"grey", "rgb"}, default="grey"
        "grey": the file takes `rows` of shape (n, n_pixels), float32, of grey levels in [0, 1].
        "rgb": it takes `images` of shape (n, height, width, 3), uint8, of any size, which it makes
        grey and resizes as Pillow does, to the same levels.

    Returns
    -------
    content : bytes
        Of a file that gives the `probabilities` of all classes, float32, and as the `label` the
        number of the most probable one, int64. Its metadata has the classes, the input and the
        source.

    Raises
    ------
    ImportError
        If onnx is not installed.
    ValueError
        If images are asked for and the model takes rows, or resizes by another filter than "box".

    Notes
    -----
    The grey levels of RGB images are those of Pillow 13, to the last bit. Of a JPEG file, skcomic
    decodes only the luma, which differs a little from the grey of its RGB image.
    """
    if inputs not in get_args(Inputs):
        raise ValueError(f"inputs must be one of {get_args(Inputs)}, not {inputs!r}")
    graph = OnnxGraph()
    if inputs == "rgb":
        size = _size_of_images(plan)
        rows = _add_rows(graph, *size)
        entry = graph.describe(
            "images", np.uint8, ["n", "height", "width", 3],
            f"RGB images of any height and width, of levels from 0 to {WHITE}.",
        )  # fmt: skip
    else:
        rows = "rows"
        entry = graph.describe(
            rows, np.float32, ["n", plan.n_pixels],
            "Grey images, row by row, of levels from 0 (black) to 1 (white).",
        )  # fmt: skip
    probabilities = graph.add("Identity", add_plan(graph, plan, rows), name="probabilities")
    graph.add("ArgMax", probabilities, name="label", axis=1, keepdims=0)
    outputs = [
        graph.describe(
            probabilities, np.float32, ["n", len(plan.classes)],
            'The probability of each class, in the order of "classes" in the metadata.',
        ),
        graph.describe(
            "label", np.int64, ["n"],
            'The number of the most probable class in "classes" in the metadata, from 0.',
        ),
    ]  # fmt: skip
    model = graph.make_model(
        [entry], outputs, producer_name="skcomic", producer_version=source.version
    )
    onnx = import_optional("onnx")
    onnx.helper.set_model_props(model, _describe(plan, source, inputs))
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def open_onnx(content: bytes) -> Predict:
    """Open an ONNX file in onnxruntime, on one thread.

    Parameters
    ----------
    content : bytes
        Of `plan_to_onnx`.

    Returns
    -------
    predict : callable
        Takes what the file takes: rows of shape (n_images, n_pixels), float32, or images of shape
        (n_images, height, width, 3), uint8; returns probabilities of shape (n_images, n_classes).

    Raises
    ------
    ImportError
        If onnxruntime is not installed.
    """
    return partial(run_session, open_session(content))


def _size_of_images(plan: Plan) -> tuple[int, int]:
    images = plan.images
    if images is None:
        raise ValueError(
            "the model takes rows of pixels, not images, and nothing is known of images: export "
            "it with inputs='grey', or export the whole pipeline with its ImageVectorizer"
        )
    if images["resample"] != "box":
        raise ValueError(
            f"an ONNX file cannot resize images by the filter {images['resample']!r}, only by "
            "'box': export it with inputs='grey' and resize images before, or train with "
            "resample='box'"
        )
    return images["height"], images["width"]


def _describe(plan: Plan, source: ModelSource, inputs: Inputs) -> dict[str, str]:
    """Return the metadata; JSON in ASCII, so that any class name is plain text."""
    luma = " + ".join(f"{name} * {weight}" for name, weight in zip("RGB", _LUMA, strict=True))
    entry = {
        "type": inputs,
        "n_pixels": plan.n_pixels,
        "grey": f"({luma} + {2 ** (_LUMA_BITS - 1)}) >> {_LUMA_BITS}",
        "scale": f"level / {WHITE}",
        "images": plan.images,
    }
    threshold = {} if source.threshold is None else {"unsure_below": str(source.threshold)}
    return threshold | {
        "skcomic_version": source.version,
        "model_sha256": source.digest,
        "classes": json.dumps(plan.classes),
        "input": json.dumps(entry),
    }


def _add_rows(graph: OnnxGraph, height: int, width: int) -> str:
    """Add what makes rows of images."""
    weighted = graph.add("Mul", graph.cast("images", np.float32), np.array(_LUMA, np.float32))
    luma = graph.add("ReduceSum", weighted, np.array([3]), keepdims=0)
    # Whole numbers below 2 ** 24, which are exact in float32.
    grey = _round(graph, luma, np.float32(2 ** (_LUMA_BITS - 1)), np.float32(2.0**-_LUMA_BITS))
    levels = _add_box_filter(graph, graph.cast(grey, np.float64), height, width)
    scaled = graph.add("Div", graph.cast(levels, np.float32), np.float32(WHITE))
    return graph.add("Reshape", scaled, np.array([0, height * width]))


def _round(graph: OnnxGraph, sums: str, amend: _Constant, factor: _Constant) -> str:
    return graph.add("Floor", graph.add("Mul", graph.add("Add", sums, amend), factor))


class _Side(NamedTuple):
    """One side of all images: its length, and the pixels that each pixel of the result covers."""

    length: str  # int64
    scale: str  # pixels of the side per pixel of the result
    windows: str  # of shape (pixels of the result, length): 1 or 0
    weights: str  # the same in Pillow's whole numbers


def _add_box_filter(graph: OnnxGraph, grey: str, height: int, width: int) -> str:
    """Add what resizes grey levels in double precision, where Pillow's whole numbers are exact.

    As in `read_raster`: the mean of all pixels, where each pixel of the result covers a whole
    number of them; else the rounded mean along one side, and then along the other.
    """
    down, across = _add_side(graph, grey, 1, height), _add_side(graph, grey, 2, width)
    rests = (
        graph.add("Mod", down.length, np.int64(height)),
        graph.add("Mod", across.length, np.int64(width)),
    )
    is_whole = graph.add("Equal", graph.add("Add", *rests), np.int64(0))
    column, row = (
        graph.add("Where", is_whole, side.windows, side.weights) for side in (down, across)
    )
    # How sums are rounded, by the first pass and by the second: what is added to them, and what
    # they are multiplied by then.
    area = graph.add("Mul", down.scale, across.scale)
    half, factor = np.float64(2 ** (_WEIGHT_BITS - 1)), np.float64(2.0**-_WEIGHT_BITS)
    first = (
        graph.add("Where", is_whole, np.float64(0), half),
        graph.add("Where", is_whole, np.float64(1), factor),
    )
    half_area = graph.add("Floor", graph.add("Mul", area, np.float64(0.5)))
    second = (
        graph.add("Where", is_whole, half_area, half),
        graph.add("Where", is_whole, _reciprocal(graph, area), factor),
    )
    row = graph.add("Transpose", row, perm=[1, 0])
    down_first, across_first = OnnxGraph("down_first"), OnnxGraph("across_first")
    sums = _round(down_first, down_first.add("MatMul", column, grey), *first)
    _round(down_first, down_first.add("MatMul", sums, row), *second)
    sums = _round(across_first, across_first.add("MatMul", grey, row), *first)
    _round(across_first, across_first.add("MatMul", column, sums), *second)
    then_branch, else_branch = (
        branch.make_graph(
            [], [graph.describe(branch.nodes[-1].output[0], np.float64, ["n", height, width])]
        )
        for branch in (down_first, across_first)
    )
    # Pillow begins with columns if they lose more than twice as many pixels as rows.
    lost = graph.add("Sub", down.length, np.int64(height))
    twice_lost = graph.add("Mul", graph.add("Sub", across.length, np.int64(width)), np.int64(2))
    is_down_first = graph.add("Greater", lost, graph.add("Max", twice_lost, np.int64(0)))
    return graph.add("If", is_down_first, then_branch=then_branch, else_branch=else_branch)


def _add_side(graph: OnnxGraph, grey: str, axis: int, n_pixels: int) -> _Side:
    """Add the windows of Pillow's box filter along an axis, in its order of calculation."""
    half = np.float64(0.5)
    length = graph.add("Gather", graph.add("Shape", grey), np.int64(axis))
    real_length = graph.cast(length, np.float64)
    scale = graph.add("Div", real_length, np.float64(n_pixels))
    # Where images are enlarged, a window is one pixel.
    window_scale = graph.add("Max", scale, np.float64(1))
    support = graph.add("Mul", window_scale, half)
    centers = graph.add("Mul", scale, np.arange(n_pixels)[:, np.newaxis] + 0.5)
    first = graph.add("Floor", graph.add("Add", graph.add("Sub", centers, support), half))
    end = graph.add("Floor", graph.add("Add", graph.add("Add", centers, support), half))
    pixels = graph.add("Range", np.float64(0), real_length, np.float64(1))
    distances = graph.add("Add", graph.add("Sub", pixels, centers), half)
    distances = graph.add("Mul", distances, graph.add("Div", np.float64(1), window_scale))
    conditions = [
        graph.add("GreaterOrEqual", pixels, first),
        graph.add("Less", pixels, end),
        graph.add("Greater", distances, -half),
        graph.add("LessOrEqual", distances, half),
    ]
    is_inside = conditions[0]
    for condition in conditions[1:]:
        is_inside = graph.add("And", is_inside, condition)
    windows = graph.cast(is_inside, np.float64)
    counts = graph.add("ReduceSum", windows, np.array([1]))
    share = graph.add("Div", np.float64(2**_WEIGHT_BITS), counts)
    weights = graph.add("Mul", windows, _round(graph, share, half, np.float64(1)))
    return _Side(length, scale, windows, weights)


def _reciprocal(graph: OnnxGraph, area: str) -> str:
    """Add what Pillow's `reduce` multiplies by, which it computes in single precision."""
    bits = np.float64(2 ** (32 - _REDUCE_BITS))
    divisor = graph.cast(graph.add("Mul", area, bits), np.float32)
    quotient = graph.add("Floor", graph.add("Div", np.float32(_REDUCE_RANGE), divisor))
    return graph.add("Mul", graph.cast(quotient, np.float64), np.float64(2.0**-_REDUCE_BITS))
