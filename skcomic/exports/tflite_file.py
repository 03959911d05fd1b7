"""A plan -> a TensorFlow Lite file, and the probabilities that such a file gives."""

import io
import json
import math
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, get_args

import numpy as np

from skcomic._compat.keras import CONVERSION_MESSAGES
from skcomic.exports.source import ModelSource, Predict
from skcomic.features.gradients import EPSILON, LIMIT, count_blocks
from skcomic.features.responses import CONTRAST_EPSILON, field_weights
from skcomic.models.plan import ENDS, Plan, Step
from skcomic.nets.backend import filtered_stderr, import_tensorflow, start_keras

Precision = Literal["float32", "int8"]

#: The member of the file that says what the model is.
DESCRIPTION = "skcomic.json"

# The widest values of the report's nets, of 64x64 pixels and 32 channels, then take 4 MB at once.
_BATCH = 8
# TensorFlow Lite's names of what those consist of; and of what mirrors images, which in 8 bits
# only its newest interpreters have.
_FLOAT_OPERATIONS = ["PAD", "SOFTMAX", "MAXIMUM", "LOG", "MUL", "REVERSE_V2"]
_OF_FLOATS = {"gradients": "histograms of gradients", "patches": "responses to patches"}
_DEPRECATION = r"\s*Warning: (tf\.lite\.Interpreter is deprecated|Please use the LiteRT)"


def plan_to_tflite(
    plan: Plan,
    source: ModelSource,
    *,
    precision: Precision = "float32",
    calibration_rows: np.ndarray | None = None,
) -> bytes:
    """Write what a plan computes as a TensorFlow Lite file, in built-in operations alone.

    Its signature `serving_default` has the input `rows` (n_images, n_pixels), grey levels in
    [0, 1], and the output `probabilities` (n_images, n_classes), both of them float32. It takes
    one image at a time, unless the interpreter is told another number of them.

    Parameters
    ----------
    plan : Plan
        Of `make_plan`.
    source : ModelSource
        Where the model comes from.
    precision : {"float32", "int8"}, default="float32"
        "int8": weights, pixels and all values up to the scores have 8 bits, in a file of about
        half the size; the probabilities differ from those of the plan by some hundredths.
        It is for nets and for pixels: 8 bits are too few for the features of other models.
    calibration_rows : ndarray of shape (n_images, n_pixels), float32, or None, default=None
        Rows like those that will be classified, such as the training images, from which the range
        of each value is found: needed for "int8", and not used otherwise.

    Returns
    -------
    content : bytes
        The model, followed by a zip archive, which is where TensorFlow Lite has files that belong
        to a model: `zipfile` reads the member `DESCRIPTION` of it. That is JSON, and has the
        version of skcomic, the digest of the model file, the classes in the order of the
        probabilities, and how images become rows.

    Raises
    ------
    ValueError
        If there is no such precision; or for "int8", if there are no rows to calibrate it with or
        they are of another length, or if 8 bits are too few for the features of the model.
    """
    if precision not in get_args(Precision):
        raise ValueError(f"precision must be among {get_args(Precision)}, not {precision!r}")
    if precision == "int8":
        _check_quantisable(plan, calibration_rows)
    start_keras()
    tf = import_tensorflow()
    module = tf.Module()  # which the converter wants to have for as long as it converts
    module.predict = tf.function(
        lambda rows: {"probabilities": _compute(tf, plan, rows)},
        input_signature=[tf.TensorSpec((None, plan.n_pixels), tf.float32, "rows")],
        autograph=False,
    )
    with filtered_stderr(CONVERSION_MESSAGES), _filtered_warnings():
        function = module.predict.get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
        if precision == "int8":
            content = _quantise(tf.lite, converter, calibration_rows)
        else:
            content = converter.convert()
    return _with_description(content, plan, source, precision)


def open_tflite(content: bytes) -> Predict:
    """Open a TensorFlow Lite file in TensorFlow's interpreter of such files.

    Parameters
    ----------
    content : bytes
        Of `plan_to_tflite`.

    Returns
    -------
    predict : callable
        Takes rows of shape (n_images, n_pixels), float32, of grey levels in [0, 1]; returns
        probabilities of shape (n_images, n_classes), float32. Raises a ValueError if the rows are
        of another length.
    """
    start_keras()
    lite = import_tensorflow().lite
    # Other kernels, for the processor at hand, would say on file descriptor 2 that they are used.
    kernels = lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with _filtered_warnings():
        interpreter = lite.Interpreter(
            model_content=content, experimental_op_resolver_type=kernels
        )
    return partial(_predict, interpreter)


def _predict(interpreter: Any, rows: np.ndarray) -> np.ndarray:
    (given,), (computed,) = interpreter.get_input_details(), interpreter.get_output_details()
    n_pixels, n_classes = given["shape"][1], computed["shape"][1]
    rows = np.asarray(rows, dtype=np.float32)
    _check_shape("rows", rows, n_pixels)
    probabilities = np.empty((len(rows), n_classes), dtype=np.float32)
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        interpreter.resize_tensor_input(given["index"], some.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], some)
        interpreter.invoke()
        probabilities[start : start + _BATCH] = interpreter.get_tensor(computed["index"])
    return probabilities


def _check_quantisable(plan: Plan, rows: np.ndarray | None) -> None:
    for step in plan.steps:
        if step.kind in _OF_FLOATS:
            raise ValueError(
                f"precision='int8' is too coarse for {_OF_FLOATS[step.kind]}, which this model "
                "computes; use precision='float32'"
            )
    if rows is None or len(rows) == 0:
        raise ValueError("precision='int8' needs calibration_rows, such as the training images")
    _check_shape("calibration_rows", rows, plan.n_pixels)


def _check_shape(name: str, rows: np.ndarray, n_pixels: int) -> None:
    if np.shape(rows)[1:] != (n_pixels,):
        raise ValueError(f"{name} must have the shape (n, {n_pixels}), not {np.shape(rows)}")


@contextmanager
def _filtered_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _DEPRECATION)
        yield


def _quantise(lite: Any, converter: Any, rows: Any) -> bytes:
    """Convert to 8 bits what comes before the scores.

    The converter would do so with the probabilities, too, which then were multiples of 1/256.
    """
    rows = np.asarray(rows, dtype=np.float32)
    converter.optimizations = [lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[np.newaxis]] for row in rows)
    # The converter itself takes no such list, and nothing is debugged.
    debugger = lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=converter.representative_dataset,
        debug_options=lite.experimental.QuantizationDebugOptions(denylisted_ops=_FLOAT_OPERATIONS),
    )
    return debugger.get_nondebug_quantized_model()


def _with_description(
    content: bytes, plan: Plan, source: ModelSource, precision: Precision
) -> bytes:
    description = source._asdict() | {
        "precision": precision,
        "classes": plan.classes,
        "n_pixels": plan.n_pixels,
        "images": plan.images,
    }
    member = zipfile.ZipInfo(DESCRIPTION)  # of no time, so that equal plans give equal files
    member.external_attr = 0o644 << 16
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(member, json.dumps(description, indent=1, allow_nan=False))
    return buffer.getvalue()


def _compute(tf: Any, plan: Plan, rows: Any) -> Any:
    """Return the probabilities of all classes, as a graph; `tf` is TensorFlow, here and below."""
    steps = _merge(plan.steps)
    scoring = [step for step in steps if step.kind not in ENDS]
    ends = [step for step in steps if step.kind in ENDS]
    if not plan.is_mirrored:
        return _run(tf, ends, _run(tf, scoring, rows))
    numbers = plan.steps[0].numbers
    images = tf.reshape(rows, (-1, numbers["height"], numbers["width"]))
    mirrored = tf.reshape(tf.reverse(images, axis=(2,)), (-1, plan.n_pixels))
    scores = _run(tf, scoring, tf.concat([rows, mirrored], axis=0))
    means = tf.reduce_mean(tf.reshape(scores, (2, -1, scores.shape[1])), axis=0)
    return _run(tf, ends, means)


def _run(tf: Any, steps: list[Step], values: Any) -> Any:
    for step in steps:
        values = _STEPS[step.kind](tf, values, **step.numbers, **step.arrays)
    return values


def _merge(steps: list[Step]) -> list[Step]:
    """Put what only scales and shifts into the weights near it: 8 bits are then enough for it."""
    merged: list[Step] = []
    for step in steps:
        kinds = [before.kind for before in merged[-2:]]
        if step.kind == "dense" and kinds[-1:] == ["standardise"]:
            merged.append(_with_standardise(step, **merged.pop().arrays))
        elif (
            step.kind == "affine"
            and kinds == ["convolution", "max_pooling"]
            and (step.arrays["scale"] > 0).all()  # then the largest remains the largest
        ):
            merged[-2] = _with_affine(merged[-2], **step.arrays)
        else:
            merged.append(step)
    return merged


def _with_standardise(dense: Step, mean: np.ndarray, scale: np.ndarray) -> Step:
    """Return a dense step that takes features as they were before they were standardised."""
    weights = dense.arrays["weights"] / scale.astype(np.float64)[:, np.newaxis]
    offset = dense.arrays["offset"] - mean @ weights
    arrays = {"weights": weights.astype(np.float32), "offset": offset.astype(np.float32)}
    return Step("dense", {}, arrays)


def _with_affine(convolution: Step, scale: np.ndarray, offset: np.ndarray) -> Step:
    """Return a convolution that gives what an affine step made of its channels."""
    kernel, before = convolution.arrays["kernel"], convolution.arrays["offset"]
    arrays = {"kernel": kernel * scale, "offset": before * scale + offset}
    return Step("convolution", convolution.numbers, arrays)


def _image(tf: Any, rows: Any, height: int, width: int) -> Any:
    if missing := height * width - rows.shape[1]:
        rows = tf.pad(rows, ((0, 0), (0, missing)))
    return tf.reshape(rows, (-1, height, width, 1))


def _convolution(tf: Any, images: Any, same: int, kernel: np.ndarray, offset: np.ndarray) -> Any:
    padding = "SAME" if same else "VALID"
    return tf.nn.bias_add(tf.nn.conv2d(images, kernel, 1, padding), offset)


def _affine(tf: Any, images: Any, scale: np.ndarray, offset: np.ndarray) -> Any:
    # One operation, and with "int8" each channel has a range of its own.
    kernel = scale[np.newaxis, np.newaxis, :, np.newaxis]
    return tf.nn.bias_add(tf.nn.depthwise_conv2d(images, kernel, (1, 1, 1, 1), "VALID"), offset)


def _flatten(tf: Any, images: Any) -> Any:
    return tf.reshape(images, (-1, math.prod(images.shape[1:])))


def _gradients(tf: Any, images: Any, orientations: int, cell_size: int, block_size: int) -> Any:
    n_down, n_across = count_blocks(images.shape[1:3], cell_size, block_size)
    down, across = images[:, 2:] - images[:, :-2], images[:, :, 2:] - images[:, :, :-2]
    down = tf.pad(down, ((0, 0), (1, 1), (0, 0), (0, 0)))
    across = tf.pad(across, ((0, 0), (0, 0), (1, 1), (0, 0)))
    lengths = tf.sqrt(down * down + across * across)
    # Of opposite gradients, which have the same direction, the one that points down.
    across, down = across * tf.sign(down), tf.abs(down)
    borders = np.arange(1, orientations) * np.pi / orientations
    normals = np.stack([np.cos(borders), np.sin(borders)])
    # Of diagonals, on which some gradients lie, both are 1 or -1 then: products are not rounded.
    cosines, sines = (normals / np.abs(normals).max(axis=0)).astype(np.float32)
    is_past = tf.logical_and(down > 0, down * cosines >= across * sines)
    past = tf.where(is_past, lengths, 0.0)
    past = tf.concat([lengths, past, tf.zeros_like(lengths)], axis=3)
    histograms = tf.nn.avg_pool2d(past[..., :-1] - past[..., 1:], cell_size, cell_size, "VALID")
    cells = [
        histograms[:, row : row + n_down, column : column + n_across]
        for row, column in np.ndindex(block_size, block_size)
    ]
    blocks = _to_unit_length(tf, tf.concat(cells, axis=3))
    return _flatten(tf, _to_unit_length(tf, tf.minimum(blocks, LIMIT)))


def _to_unit_length(tf: Any, blocks: Any) -> Any:
    squares = tf.reduce_sum(blocks * blocks, axis=3, keepdims=True)
    return blocks / tf.sqrt(squares + EPSILON**2)


def _patches(tf: Any, images: Any, grid: int, filters: np.ndarray, offsets: np.ndarray) -> Any:
    n_filters, side, _ = filters.shape
    # Each pixel of a patch less their mean.
    centring = np.eye(side**2, dtype=np.float32) - np.float32(1 / side**2)
    patches = tf.nn.conv2d(images, centring.reshape(side, side, 1, side**2), 1, "VALID")
    variances = tf.reduce_mean(patches * patches, axis=3, keepdims=True)
    patches = patches / tf.sqrt(variances + CONTRAST_EPSILON)
    weights = filters.reshape(1, 1, n_filters, side**2).swapaxes(2, 3)
    responses = _convolution(tf, patches, 0, weights, offsets)
    fields = field_weights(responses.shape[1], responses.shape[2], grid)
    responses = tf.reshape(tf.transpose(responses, (0, 3, 1, 2)), (-1, len(fields)))
    parts = [tf.nn.relu(responses) @ fields, tf.nn.relu(-responses) @ fields]
    features = tf.stack([tf.reshape(part, (-1, n_filters, grid**2)) for part in parts], axis=2)
    return _flatten(tf, features)


def _sigmoid(tf: Any, scores: Any) -> Any:
    return tf.nn.softmax(tf.pad(scores, ((0, 0), (1, 0))))


def _one_vs_rest(tf: Any, scores: Any) -> Any:
    # As in the interpreter.
    logarithms = tf.math.log(1 + tf.exp(-tf.abs(scores)))
    return tf.nn.softmax(tf.minimum(scores, 0) - logarithms)


def _temperature(tf: Any, probabilities: Any, temperature: float) -> Any:
    logits = tf.math.log(tf.maximum(probabilities, np.finfo(np.float32).eps))
    return tf.nn.softmax(logits / temperature)


_STEPS: dict[str, Callable[..., Any]] = {
    "image": _image,
    "convolution": _convolution,
    "max_pooling": lambda tf, images, side: tf.nn.max_pool2d(images, side, side, "VALID"),
    "average_pooling": lambda tf, images, side: tf.nn.avg_pool2d(images, side, side, "VALID"),
    "affine": _affine,
    "standardise": lambda _, values, mean, scale: (values - mean) / scale,
    "relu": lambda tf, values: tf.nn.relu(values),
    "flatten": _flatten,
    "dense": lambda _, values, weights, offset: values @ weights + offset,
    "gradients": _gradients,
    "patches": _patches,
    "sigmoid": _sigmoid,
    "softmax": lambda tf, scores: tf.nn.softmax(scores),
    "one_vs_rest": _one_vs_rest,
    "temperature": _temperature,
}
