"""The steps of a plan as the nodes of an ONNX graph, written one by one.

Images have the shape (n_images, n_channels, height, width) here, as in ONNX.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from skcomic.features.gradients import EPSILON, LIMIT, count_blocks
from skcomic.features.responses import CONTRAST_EPSILON, field_shares
from skcomic.models.plan import TO_PROBABILITIES, Plan
from skcomic.models.plan_costs import Shape, iter_shapes

#: The version of the operators, and of the file format that came with it.
OPSET, IR_VERSION = 17, 8

_TO_THE_END = np.iinfo(np.int64).max


def import_optional(name: str) -> ModuleType:
    """Import a package that reads or writes ONNX.

    Parameters
    ----------
    name : str
        Of the package.

    Returns
    -------
    package : module
        Imported.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f'{name} is needed for ONNX: pip install "skcomic[onnx]" ({error})'
        ) from error


class OnnxGraph:
    """Nodes and constants of an ONNX graph, in the order in which they are computed.

    Parameters
    ----------
    name : str, default="main"
        Names of values begin with it: those of a branch must differ from those around it.

    Attributes
    ----------
    name : str
        As above.
    nodes : list of NodeProto
        As they were added.
    constants : list of TensorProto
        Arrays that nodes take.

    Raises
    ------
    ImportError
        If onnx is not installed.
    """

    def __init__(self, name: str = "main") -> None:
        self.name = name
        self._onnx = import_optional("onnx")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(
        self, kind: str, *inputs: str | np.ndarray | np.generic, name: str = "", **attributes: Any
    ) -> str:
        """Add a node of one output.

        Parameters
        ----------
        kind : str
            The operator.
        *inputs : str or ndarray
            Names of values, or constants.
        name : str, default=""
            Of its output; empty: its number.
        **attributes
            Of the operator.

        Returns
        -------
        name : str
            Of its output.
        """
        names = [one if isinstance(one, str) else self._add_constant(one) for one in inputs]
        name = name or f"{self.name}_{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(kind, names, [name], name, **attributes))
        return name

    def cast(self, values: str, kind: type[np.generic] | type[bool]) -> str:
        """Add a node that converts values to another type.

        Parameters
        ----------
        values : str
            Their name.
        kind : type
            Of numpy.

        Returns
        -------
        name : str
            Of what is converted.
        """
        number = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        return self.add("Cast", values, to=number)

    def describe(
        self, name: str, kind: type[np.generic], shape: Sequence[str | int], text: str = ""
    ) -> Any:
        """Describe an input or an output.

        Parameters
        ----------
        name : str
            Of the values.
        kind : type
            Of numpy.
        shape : sequence of str or int
            A name stands for any number.
        text : str, default=""
            What it is.

        Returns
        -------
        description : ValueInfoProto
            For `make_graph`.
        """
        helper = self._onnx.helper
        number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        return helper.make_tensor_value_info(name, number, shape, text)

    def make_graph(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """Make a graph of all nodes.

        Parameters
        ----------
        inputs, outputs : sequence of ValueInfoProto
            Of `describe`.

        Returns
        -------
        graph : GraphProto
            For a model, or for a branch of another graph.
        """
        helper = self._onnx.helper
        return helper.make_graph(self.nodes, self.name, inputs, outputs, self.constants)

    def make_model(self, inputs: Sequence[Any], outputs: Sequence[Any], **facts: Any) -> Any:
        """Make a model of all nodes.

        Parameters
        ----------
        inputs, outputs : sequence of ValueInfoProto
            Of `describe`.
        **facts
            Further fields of the model, such as its producer.

        Returns
        -------
        model : ModelProto
            Of version `OPSET`.
        """
        helper = self._onnx.helper
        facts |= {"opset_imports": [helper.make_opsetid("", OPSET)], "ir_version": IR_VERSION}
        return helper.make_model(self.make_graph(inputs, outputs), **facts)

    def _add_constant(self, array: np.ndarray | np.generic) -> str:
        name = f"{self.name}_constant_{len(self.constants)}"
        self.constants.append(self._onnx.numpy_helper.from_array(np.asarray(array), name))
        return name


class _Values(NamedTuple):
    """What a step takes: the name of the values, and their shape of one image in the plan."""

    name: str
    shape: Shape


def add_plan(graph: OnnxGraph, plan: Plan, rows: str) -> str:
    """Add what a plan computes.

    Parameters
    ----------
    graph : OnnxGraph
        Nodes are added to it.
    plan : Plan
        Of `make_plan`.
    rows : str
        Name of rows of grey levels, of shape (n_images, n_pixels), float32.

    Returns
    -------
    probabilities : str
        Name of the probabilities, of shape (n_images, n_classes), float32.
    """
    name = rows
    shape: Shape = (plan.n_pixels,)
    for step, after in iter_shapes(plan):
        if plan.is_mirrored and step.kind in TO_PROBABILITIES:
            halves = graph.add("Reshape", name, np.array([2, -1, *shape]))
            name = graph.add("ReduceMean", halves, axes=[0], keepdims=0)
        values = _Values(name, shape)
        name, shape = _STEPS[step.kind](graph, values, **step.numbers, **step.arrays), after
        if plan.is_mirrored and step.kind == "image":
            mirrored = _slice(graph, name, axis=3, start=-1, end=-_TO_THE_END, step=-1)
            name = graph.add("Concat", name, mirrored, axis=0)
    return name


def _slice(
    graph: OnnxGraph, values: str, *, axis: int, start: int, end: int, step: int = 1
) -> str:
    limits = (np.array([number]) for number in (start, end, axis, step))
    return graph.add("Slice", values, *limits)


def _image(graph: OnnxGraph, rows: _Values, height: int, width: int) -> str:
    name, (n_pixels,) = rows
    missing = height * width - n_pixels
    if missing:
        name = graph.add("Pad", name, np.array([0, 0, 0, missing]))
    return graph.add("Reshape", name, np.array([0, 1, height, width]))


def _convolution(
    graph: OnnxGraph, images: _Values, same: int, kernel: np.ndarray, offset: np.ndarray
) -> str:
    sides = kernel.shape[:2]
    starts, ends = [(side - 1) // 2 for side in sides], [side // 2 for side in sides]
    pads = starts + ends if same else [0, 0, 0, 0]
    return graph.add("Conv", images.name, kernel.transpose(3, 2, 0, 1), offset, pads=pads)


def _pool(graph: OnnxGraph, kind: str, images: str, side: int) -> str:
    return graph.add(kind, images, kernel_shape=[side, side], strides=[side, side])


def _max_pooling(graph: OnnxGraph, images: _Values, side: int) -> str:
    return _pool(graph, "MaxPool", images.name, side)


def _average_pooling(graph: OnnxGraph, images: _Values, side: int) -> str:
    return _pool(graph, "AveragePool", images.name, side)


def _affine(graph: OnnxGraph, images: _Values, scale: np.ndarray, offset: np.ndarray) -> str:
    scaled = graph.add("Mul", images.name, scale.reshape(-1, 1, 1))
    return graph.add("Add", scaled, offset.reshape(-1, 1, 1))


def _standardise(graph: OnnxGraph, values: _Values, mean: np.ndarray, scale: np.ndarray) -> str:
    return graph.add("Div", graph.add("Sub", values.name, mean), scale)


def _relu(graph: OnnxGraph, values: _Values) -> str:
    return graph.add("Relu", values.name)


def _flatten(graph: OnnxGraph, images: _Values) -> str:
    return graph.add("Flatten", graph.add("Transpose", images.name, perm=[0, 2, 3, 1]))


def _dense(graph: OnnxGraph, values: _Values, weights: np.ndarray, offset: np.ndarray) -> str:
    return graph.add("Gemm", values.name, weights, offset)


def _gradients(
    graph: OnnxGraph,
    images: _Values,
    orientations: int,
    cell_size: int,
    block_size: int,
) -> str:
    histograms = _cell_histograms(graph, images.name, orientations, cell_size)
    down, across = count_blocks(images.shape[:2], cell_size, block_size)
    parts = []
    for row, column in np.ndindex(block_size, block_size):
        cells = _slice(graph, histograms, axis=1, start=row, end=row + down)
        parts.append(_slice(graph, cells, axis=2, start=column, end=column + across))
    blocks = _normalise(graph, graph.add("Concat", *parts, axis=3))
    blocks = _normalise(graph, graph.add("Min", blocks, np.float32(LIMIT)))
    return graph.add("Flatten", blocks)


def _cell_histograms(graph: OnnxGraph, images: str, orientations: int, cell_size: int) -> str:
    """Add the histogram of each cell, of shape (n_images, rows, columns, orientations)."""
    # Double precision, as in `describe_gradients`.
    down, across = (graph.cast(_differences(graph, images, axis), np.float64) for axis in (2, 3))
    squares = graph.add("Add", graph.add("Mul", down, down), graph.add("Mul", across, across))
    lengths = graph.cast(graph.add("Sqrt", squares), np.float32)
    directions = _directions(graph, down, across, orientations)
    numbers = np.arange(orientations, dtype=np.float32).reshape(-1, 1, 1)
    is_direction = graph.cast(graph.add("Equal", directions, numbers), np.float32)
    shares = graph.add("Mul", is_direction, lengths)
    histograms = _pool(graph, "AveragePool", shares, cell_size)
    return graph.add("Transpose", histograms, perm=[0, 2, 3, 1])


def _differences(graph: OnnxGraph, images: str, axis: int) -> str:
    """Subtract the pixel before from the pixel after; 0 at the border."""
    after = _slice(graph, images, axis=axis, start=2, end=_TO_THE_END)
    before = _slice(graph, images, axis=axis, start=0, end=-2)
    around = np.zeros((2, 4), dtype=np.int64)
    around[:, axis] = 1
    return graph.add("Pad", graph.add("Sub", after, before), around.ravel())


def _directions(graph: OnnxGraph, down: str, across: str, orientations: int) -> str:
    """Number the directions of gradients, without the arctangent, which has no double in ONNX.

    The negative cotangent grows with the angle from 0 to 180 degrees: the number of a direction
    is that of the borders that it has reached.
    """
    cotangents = graph.add("Neg", graph.add("Div", across, down))
    angles = np.arange(1, orientations) * np.pi / orientations
    has_reached = graph.add("GreaterOrEqual", cotangents, -1 / np.tan(angles).reshape(-1, 1, 1))
    # An angle of 0 degrees has reached none.
    is_steep = graph.cast(down, np.bool_)
    borders = graph.cast(graph.add("And", has_reached, is_steep), np.float32)
    return graph.add("ReduceSum", borders, np.array([1]))


def _normalise(graph: OnnxGraph, blocks: str) -> str:
    """Give what is on the last axis a length of 1."""
    squares = graph.add("ReduceSumSquare", blocks, axes=[3])
    lengths = graph.add("Sqrt", graph.add("Add", squares, np.float32(EPSILON**2)))
    return graph.add("Div", blocks, lengths)


def _patches(
    graph: OnnxGraph,
    images: _Values,
    grid: int,
    filters: np.ndarray,
    offsets: np.ndarray,
) -> str:
    n_filters, side, _ = filters.shape
    height, width = (length - side + 1 for length in images.shape[:2])
    # One channel for each pixel of a patch, less the mean of the patch.
    less_mean = np.eye(side**2) - 1 / side**2
    kernel = less_mean.reshape(-1, 1, side, side).astype(np.float32)
    patches = graph.add("Conv", images.name, kernel)
    squares = graph.add("Mul", patches, patches)
    variances = graph.add("ReduceMean", squares, axes=[1])
    scales = graph.add("Sqrt", graph.add("Add", variances, CONTRAST_EPSILON))
    patches = graph.add("Div", patches, scales)
    responses = graph.add("Conv", patches, filters.reshape(n_filters, -1, 1, 1), offsets)
    positive = _field_means(graph, graph.add("Relu", responses), height, width, grid)
    # As in `mean_responses`: a response is its positive less its negative part.
    means = _field_means(graph, responses, height, width, grid)
    negative = graph.add("Relu", graph.add("Sub", positive, means))
    features = [graph.add("Unsqueeze", part, np.array([2])) for part in (positive, negative)]
    return graph.add("Flatten", graph.add("Concat", *features, axis=2))


def _field_means(graph: OnnxGraph, values: str, height: int, width: int, grid: int) -> str:
    """Take the mean along rows and then along columns, of each field of a grid."""
    along_rows = graph.add("MatMul", values, field_shares(width, grid))
    return graph.add("MatMul", field_shares(height, grid).T, along_rows)


def _sigmoid(graph: OnnxGraph, scores: _Values) -> str:
    # The score of the first class is 0.
    return _add_softmax(graph, graph.add("Pad", scores.name, np.array([0, 1, 0, 0])))


def _softmax(graph: OnnxGraph, scores: _Values) -> str:
    return _add_softmax(graph, scores.name)


def _one_vs_rest(graph: OnnxGraph, scores: _Values) -> str:
    # As in the interpreter.
    name = graph.cast(scores.name, np.float64)
    powers = graph.add("Exp", graph.add("Neg", graph.add("Abs", name)))
    logarithms = graph.add("Log", graph.add("Add", powers, np.float64(1)))
    least = graph.add("Min", name, np.float64(0))
    return _add_softmax(graph, graph.add("Sub", least, logarithms))


def _add_softmax(graph: OnnxGraph, scores: str) -> str:
    probabilities = graph.add("Softmax", graph.cast(scores, np.float64), axis=1)
    return graph.cast(probabilities, np.float32)


def _temperature(graph: OnnxGraph, probabilities: _Values, temperature: float) -> str:
    # As in `scale_probabilities`.
    least = np.float64(np.finfo(np.float32).eps)
    above_zero = graph.add("Max", graph.cast(probabilities.name, np.float64), least)
    logits = graph.add("Div", graph.add("Log", above_zero), np.float64(temperature))
    return _add_softmax(graph, logits)


_STEPS: dict[str, Callable[..., str]] = {
    "image": _image,
    "convolution": _convolution,
    "max_pooling": _max_pooling,
    "average_pooling": _average_pooling,
    "affine": _affine,
    "standardise": _standardise,
    "relu": _relu,
    "flatten": _flatten,
    "dense": _dense,
    "gradients": _gradients,
    "patches": _patches,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "one_vs_rest": _one_vs_rest,
    "temperature": _temperature,
}
