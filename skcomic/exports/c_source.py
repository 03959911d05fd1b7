"""A plan -> one file of C that predicts without libraries, on a microcontroller too.

The C of each kind of step is in `c_steps.c`, of which a file gets what its plan needs.
"""

import math
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from skcomic.exports.source import ModelSource
from skcomic.models.plan import ENDS, KINDS, Plan, Step
from skcomic.models.plan_costs import Shape, iter_shapes

# The arguments of each kind of step. What has a result writes it to the other of two buffers; the
# others write over their values. Those with y and x are called for each place of an image.
_ARGUMENTS = {
    "image": "{values}, {n_values}, {n_results}",
    "convolution": (
        "{values}, {shape}, {kernel}, {kernel_0}, {kernel_1}, {offset}, {offset_0}, {same}, y, x, "
        "{result}"
    ),
    "max_pooling": "{values}, {n_channels}, y % {side} + x % {side} == 0, {result}",
    "average_pooling": "{values}, {n_channels}, y % {side} + x % {side} == 0, {side}, {result}",
    "affine": "{values}, {n_values}, {scale}, {offset}, {offset_0}",
    "standardise": "{values}, {n_values}, {mean}, {scale}",
    "relu": "{values}, {n_values}",
    "dense": "{values}, {n_values}, {weights}, {offset}, {offset_0}, {result}",
    "gradients": (
        "{values}, {plane}, {cell_size}, {block_size}, {orientations}, skcomic_cell, {result}"
    ),
    "patches": (
        "{values}, {plane}, {filters}, {filters_1}, {offsets}, {offsets_0}, {grid}, "
        "skcomic_patch, {result}"
    ),
    "rescale": "{values}, {n_values}, {scale}, {run}",
    "sigmoid": "probabilities",
    "softmax": "probabilities, SKCOMIC_N_CLASSES",
    "one_vs_rest": "probabilities, SKCOMIC_N_CLASSES",
    "temperature": "probabilities, SKCOMIC_N_CLASSES, {temperature}",
}
_POOLINGS = ("max_pooling", "average_pooling")
# Steps that can be computed of each pixel as soon as it is known.
_POINTWISE = ("affine", "rescale", "relu")
# The axis of the output channels, of the weights that int8 rounds.
_CHANNEL_AXES = {"convolution": 3, "dense": 1, "patches": 0}
# A channel of smaller weights is one of zeros: offsets are divided by a scale.
_LEAST_WEIGHT = 1e-20
_BYTES = {"float": 4, "double": 8}

_STEPS = Path(__file__).with_name("c_steps.c")

_HEAD = """\
/* An image classifier in C99, written by skcomic {version}{digest}.

   #include this file in one file of a program, compile it with -std=c99 and without -ffast-math,
   and link it with the mathematics library (-lm).
   It has no other dependencies and takes no memory but {ram_bytes} bytes of static buffers, which
   is why two threads must not predict at the same time; its weights, {precision}, are
   {weight_bytes} bytes of constants. An int has 32 bits or more, and a double is one of IEEE 754.
{functions}
   They write the probability of each of SKCOMIC_N_CLASSES classes, whose names are
   skcomic_classes in UTF-8, and return 0; or they write nothing and return -1 if a pointer is
   NULL, or -2 if the width or the height is less than 1. Where SKCOMIC_UNSURE_BELOW is defined, a
   class that is less probable is not sure enough to be told. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>

{macros}

typedef {weight_type} skcomic_weight;
"""
_PREDICT_ROW = """
   int skcomic_predict_row(const float *row, float *probabilities)

   takes SKCOMIC_N_PIXELS grey levels from 0 (black) to 1, row by row.
"""
_PREDICT = """
   int skcomic_predict(const uint8_t *grey, int width, int height, float *probabilities)

   takes an image of any size, of one byte a pixel, row by row: for red, green and blue,
   (19595 * r + 38470 * g + 7471 * b + 32768) >> 16. It is resized to {height} rows of {width}.
"""


class _Part(NamedTuple):
    """A step, the number in the names of its arrays, and the shapes before and after it."""

    step: Step
    number: int
    before: Shape
    after: Shape


class _Stage(NamedTuple):
    """Steps that are computed together, the buffer that they read, and the one that they write."""

    parts: list[_Part]
    values: str
    result: str


def plan_to_c(
    plan: Plan, source: ModelSource, *, precision: Literal["float32", "int8"] = "float32"
) -> bytes:
    """Write a plan as one file of C99 that needs no library but that of mathematics.

    Parameters
    ----------
    plan : Plan
        What the file computes.
    source : ModelSource
        Where it comes from; the file says so.
    precision : {"float32", "int8"}, default="float32"
        How weights of convolutions, of dense layers and of filters are stored. "int8" rounds
        those of each output channel to whole multiples, from -127 to 127, of one scale. That saves
        flash memory, up to three quarters of it for a net, and no time: offsets, and means and
        scales of features, stay float32, and all is computed in float32.

    Returns
    -------
    content : bytes
        ASCII. It defines ``skcomic_predict_row``, which takes a row of the plan, and, if the plan
        has `images`, ``skcomic_predict``, which takes a grey image of any size and resizes it as
        `resize_grey` does. The comment at its top says how they are called and what memory they
        need.

    Raises
    ------
    ValueError
        If images are resized with another filter, if a weight is not finite, or if there is no
        such precision.
    """
    if precision not in ("float32", "int8"):
        raise ValueError(f"precision must be 'float32' or 'int8', not {precision!r}")
    if plan.images is not None and plan.images["resample"] != "box":
        raise ValueError(
            f"C cannot resize images with the filter {plan.images['resample']!r}: train the model "
            "with resample='box'"
        )
    if not all(np.isfinite(array).all() for step in plan.steps for array in step.arrays.values()):
        raise ValueError("the model has weights that are not finite: train it again")
    parts = list(_iter_parts(plan, precision))
    stages = list(_iter_stages(parts))
    weights = {
        f"skcomic_{name}_{part.number}": array
        for part in parts
        for name, array in part.step.arrays.items()
    }
    buffers = _size_buffers(plan, stages)
    names = "".join(f"    {_write_string(str(label))},\n" for label in plan.classes)
    blocks = [
        _write_head(plan, source, precision, weights, buffers),
        f"const char *const skcomic_classes[SKCOMIC_N_CLASSES] = {{\n{names}}};\n",
        *(_write_array(name, array) for name, array in weights.items()),
        "".join(f"static {buffer}[{size}];\n" for buffer, size in buffers.items()),
        *_write_functions(plan, stages),
    ]
    return "\n".join(blocks).encode("ascii")


def _iter_parts(plan: Plan, precision: str) -> Iterator[_Part]:
    """Yield the steps up to the scores, but those that change no value in memory."""
    numbers = count()
    before: Shape = (plan.n_pixels,)
    for step, after in iter_shapes(plan):
        is_moot = step.kind == "image" and math.prod(before) == math.prod(after)
        if step.kind not in (*ENDS, "flatten") and not is_moot:
            for part in _quantise(step) if precision == "int8" else [step]:
                yield _Part(part, next(numbers), before, after)
                before = after
        before = after


def _iter_stages(parts: list[_Part]) -> Iterator[_Stage]:
    """Join a convolution and what follows up to a pooling, which then needs one pixel of it."""
    groups: list[list[_Part]] = []
    is_open = False
    for part in parts:
        kind = part.step.kind
        is_at_pixel = len(part.before) == 3 and kind in (*_POINTWISE, *_POOLINGS)
        if not (is_open and is_at_pixel):
            groups.append([])
        groups[-1].append(part)
        is_open = kind == "convolution" or (is_open and is_at_pixel and kind in _POINTWISE)
    values, other = "skcomic_a", "skcomic_b"
    for group in groups:
        result = other if "{result}" in _ARGUMENTS[group[0].step.kind] else values
        yield _Stage(group, values, result)
        if result == other:
            values, other = other, values


def _quantise(step: Step) -> list[Step]:
    """Round weights to 8 bits, and rescale after the step what comes of them."""
    if step.kind not in _CHANNEL_AXES:
        return [step]
    axis = _CHANNEL_AXES[step.kind]
    weights_name, offset_name = list(KINDS[step.kind].arrays)
    weights = np.moveaxis(step.arrays[weights_name], axis, -1)
    most = np.abs(weights).max(axis=tuple(range(weights.ndim - 1)))
    scale = np.where(most < _LEAST_WEIGHT, 1, most / 127).astype(np.float32)
    rounded = np.moveaxis(np.rint(weights / scale).astype(np.int8), -1, axis)
    offset: np.ndarray = step.arrays[offset_name] / scale
    arrays = {weights_name: rounded, offset_name: offset}
    run = 2 * step.numbers["grid"] ** 2 if step.kind == "patches" else 1
    return [
        Step(step.kind, step.numbers, arrays),
        Step("rescale", {"run": run}, {"scale": scale}),
    ]


def _size_buffers(plan: Plan, stages: list[_Stage]) -> dict[str, int]:
    """Return the lengths of the static buffers, by their declarations."""
    sizes = {"float skcomic_a": plan.n_pixels}

    def need(buffer: str, size: int) -> None:
        sizes[buffer] = max(size, sizes.get(buffer, 0))

    for stage in stages:
        first, last = stage.parts[0].step, stage.parts[-1]
        need(f"float {stage.result}", math.prod(last.after))
        if first.kind == "convolution" and last.step.kind in _POOLINGS:
            need("float skcomic_pixel", last.after[2])
        if first.kind == "patches":
            need("float skcomic_patch", first.arrays["filters"][0].size)
        if first.kind == "gradients":
            need("double skcomic_cell", first.numbers["orientations"])
    return sizes


def _write_head(
    plan: Plan,
    source: ModelSource,
    precision: str,
    weights: dict[str, np.ndarray],
    buffers: dict[str, int],
) -> str:
    macros: dict[str, int | float] = {
        "RAM_BYTES": sum(size * _BYTES[buffer.split()[0]] for buffer, size in buffers.items()),
        "WEIGHT_BYTES": sum(array.nbytes for array in weights.values()),
        "N_CLASSES": len(plan.classes),
        "N_PIXELS": plan.n_pixels,
        "N_PASSES": 2 if plan.is_mirrored else 1,
    }
    if source.threshold is not None:
        macros["UNSURE_BELOW"] = source.threshold
    functions = _PREDICT_ROW
    if plan.images is not None:
        macros |= {name.upper(): plan.images[name] for name in ("height", "width")}
        functions = _PREDICT.format(**plan.images) + functions
    return _HEAD.format(
        version=source.version,
        digest=f"\n   from a model file of SHA-256 {source.digest}" if source.digest else "",
        precision=precision,
        ram_bytes=macros["RAM_BYTES"],
        weight_bytes=macros["WEIGHT_BYTES"],
        functions=functions,
        macros="\n".join(f"#define SKCOMIC_{name} {value}" for name, value in macros.items()),
        weight_type="int8_t" if precision == "int8" else "float",
    )


def _write_string(text: str) -> str:
    """Write any text as a string of C: what is not a plain character, as octal bytes."""
    plain = set(range(32, 127)) - set(b'"\\?')  # two question marks may begin a trigraph
    content = text.encode(errors="surrogatepass")
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in content) + '"'


def _write_array(name: str, array: np.ndarray) -> str:
    """Write an array; float32 in the fewest digits that give the same number."""
    is_whole = array.dtype == np.int8
    texts = [str(value) if is_whole else f"{value!s}f" for value in array.ravel()]
    step = 20 if is_whole else 6
    lines = [", ".join(texts[start : start + step]) for start in range(0, len(texts), step)]
    kind = "int8_t" if is_whole else "float"
    content = ",\n    ".join(lines)
    return f"static const {kind} {name}[{array.size}] = {{\n    {content}\n}};\n"


def _write_functions(plan: Plan, stages: list[_Stage]) -> Iterator[str]:
    """Write the functions of the steps in the plan, those that call them, and the public ones."""
    _, *texts = re.split(r"/\* part: (\w+) \*/\n", _STEPS.read_text())
    parts = dict(zip(texts[::2], texts[1::2], strict=True))
    ends = [step for step in plan.steps if step.kind in ENDS]
    needed = {"read_row", "average"}
    needed |= {part.step.kind for stage in stages for part in stage.parts}
    needed |= {"softmax", *(step.kind for step in ends)}
    public = ["predict_row"]
    lines = []
    if plan.is_mirrored:
        needed.add("mirror")
        height, width = (plan.steps[0].numbers[name] for name in ("height", "width"))
        lines += ["if (pass == 1)", f"    skcomic_mirror(skcomic_a, {height}, {width});"]
    if plan.images is not None:
        needed.add("read_grey")
        public.append("predict")
    for stage in stages:
        lines += _write_stage(stage)
    n_scores = math.prod(stages[-1].parts[-1].after)
    lines.append(f"skcomic_average({stages[-1].result}, {n_scores}, pass, scores);")
    yield from (part.rstrip() + "\n" for name, part in parts.items() if name in needed)
    yield _write_function("score(int pass, float *scores)", lines)
    yield _write_function(
        "finish(float *probabilities)",
        [f"skcomic_{step.kind}({_ARGUMENTS[step.kind].format(**step.numbers)});" for step in ends],
    )
    yield from (parts[name].rstrip() + "\n" for name in public)


def _write_stage(stage: _Stage) -> list[str]:
    """Write the calls of a stage; those of convolutions and poolings, for each place."""
    first, last = stage.parts[0], stage.parts[-1]
    if first.step.kind not in ("convolution", *_POOLINGS):
        return [_call(first, stage.values, stage.result)]
    height, width, n_channels = last.after
    side = last.step.numbers.get("side", 1)
    place = f"y / {side} * {width} + x / {side}" if side > 1 else f"y * {width} + x"
    result = f"{stage.result} + ({place}) * {n_channels}"
    pixel = f"{stage.values} + (y * {first.before[1]} + x) * {n_channels}"
    calls = []
    for part in stage.parts:
        if part.step.kind == "convolution":
            pixel = "skcomic_pixel" if last.step.kind in _POOLINGS else result
            calls.append(_call(part, stage.values, pixel))
        else:
            calls.append(_call(part._replace(before=(n_channels,)), pixel, result))
    return [
        f"for (int y = 0; y < {height * side}; y++)",
        f"    for (int x = 0; x < {width * side}; x++) {{",
        *(f"        {call}" for call in calls),
        "    }",
    ]


def _call(part: _Part, values: str, result: str) -> str:
    step, number, before, after = part
    names: dict[str, Any] = {"values": values, "result": result, **step.numbers}
    names |= {"shape": ", ".join(map(str, before)), "plane": ", ".join(map(str, before[:2]))}
    names |= {"n_values": math.prod(before), "n_results": math.prod(after)}
    names["n_channels"] = before[-1]
    for name, array in step.arrays.items():
        names[name] = f"skcomic_{name}_{number}"
        names |= {f"{name}_{axis}": length for axis, length in enumerate(array.shape)}
    return f"skcomic_{step.kind}({_ARGUMENTS[step.kind].format(**names)});"


def _write_function(head: str, lines: list[str]) -> str:
    content = "\n    ".join(lines)
    return f"static void skcomic_{head}\n{{\n    {content}\n}}\n"
