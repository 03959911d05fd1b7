"""Plans as bytes in a model file: written, read, and checked before anything is computed.

A plan in a file is JSON and one array of float32 numbers, which the JSON divides; it names steps
of a fixed list, and can hold no code.
"""

import io
import json
import math
from typing import Any

import numpy as np

from skcomic.images.decoding import RESAMPLING, PathLike
from skcomic.models.archive import (
    MAX_BYTES,
    PLAN,
    AuditError,
    audited_file,
    read_json,
    read_stored,
    unpack,
    zip_members,
)
from skcomic.models.plan import KINDS, TO_PROBABILITIES, Plan, Step
from skcomic.models.plan_costs import Shape, shape_after

_STEPS, _WEIGHTS = "plan.json", "weights.npy"
_ENTRIES = {"images", "n_pixels", "classes", "is_mirrored", "steps"}
_IMAGE_ENTRIES = {"height", "width", "resample", "background", "max_pixels"}
_MAX_STEPS, _MAX_NUMBER = 100, 2**31
# Of the values of one image at any step, 64 MB of float32: eight images are computed at a time. A
# net of the report with 32 units has half as many at 512x512 pixels.
_MAX_VALUES = 2**24


def plan_to_bytes(plan: Plan) -> bytes:
    """Write a plan.

    Parameters
    ----------
    plan : Plan
        Of `make_plan`.

    Returns
    -------
    content : bytes
        A zip archive.

    Raises
    ------
    TypeError
        If the classes are no plain values.
    """
    arrays, steps = [], []
    for step in plan.steps:
        arrays += list(step.arrays.values())
        shapes = {name: array.shape for name, array in step.arrays.items()}
        steps.append({"kind": step.kind, "numbers": step.numbers, "arrays": shapes})
    text = json.dumps(plan._replace(steps=[])._asdict() | {"steps": steps}, allow_nan=False)
    weights = b"".join(array.astype("<f4").tobytes() for array in arrays)
    content = _header(len(weights) // 4) + weights
    return zip_members({_STEPS: text.encode(), _WEIGHTS: content})


def plan_from_bytes(content: bytes) -> Plan:
    """Read a plan of an untrusted file.

    Parameters
    ----------
    content : bytes
        As from `plan_to_bytes`.

    Returns
    -------
    plan : Plan
        Each step fits the one before; all numbers are finite.

    Raises
    ------
    AuditError
        If it is damaged, or anything else than `plan_to_bytes` writes.
    """
    members = read_stored(content, "plan")
    _check(members.keys() == {_STEPS, _WEIGHTS}, f"its plan has the members {sorted(members)}")
    entries = read_json(members[_STEPS], "its plan")
    _check(isinstance(entries, dict) and entries.keys() == _ENTRIES, "its plan has other entries")
    weights = _read_weights(members[_WEIGHTS])
    _check(bool(np.isfinite(weights).all()), "its plan has weights that are not finite")
    given = entries["steps"]
    _check(isinstance(given, list) and 0 < len(given) <= _MAX_STEPS, "its plan has no valid steps")
    steps, start = [], 0
    for number, step in enumerate(given):
        made, start = _read_step(step, f"step {number} of its plan", weights, start)
        steps.append(made)
    _check(start == len(weights), "its plan has other weights than its steps")
    plan = Plan(**{**entries, "steps": steps})
    _check_entries(plan)
    _check_shapes(plan)
    return plan


def load_plan(path: PathLike, max_bytes: int = MAX_BYTES) -> Plan:
    """Read the plan of a model file.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_bytes : int, default=MAX_BYTES
        As for `unpack`.

    Returns
    -------
    plan : Plan
        Checked.

    Raises
    ------
    ModelFileError
        If it is no model file, is damaged, or has no valid plan.
    """
    _, members = unpack(path, max_bytes)
    with audited_file(path):
        _check(
            PLAN in members,
            "it has no light model: it was saved by a former version, or is more than skcomic can "
            "describe; load it with runtime='full'",
        )
        return plan_from_bytes(members[PLAN])


def _check(is_valid: bool, reason: str) -> None:
    if not is_valid:
        raise AuditError(reason)


def _header(n_weights: int) -> bytes:
    """Return how numpy begins a file of so many numbers, all of them float32."""
    buffer = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (n_weights,)}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def _read_weights(content: bytes) -> np.ndarray:
    """Read what begins exactly so; numpy's own reader takes much else."""
    n_weights = (len(content) - len(_header(0))) // 4
    header = _header(max(n_weights, 0))
    is_valid = content.startswith(header) and len(content) == len(header) + 4 * n_weights
    _check(is_valid, "the weights of its plan are no array of float32")
    return np.frombuffer(content, "<f4", offset=len(header))


def _is_count(value: Any, least: int = 1) -> bool:
    return type(value) is int and least <= value <= _MAX_NUMBER


def _read_step(step: Any, where: str, weights: np.ndarray, start: int) -> tuple[Step, int]:
    """Read one step, whose weights begin at `start`; return it, and where the next ones begin."""
    entries = {"kind", "numbers", "arrays"}
    _check(isinstance(step, dict) and step.keys() == entries, f"{where} has other entries")
    _check(isinstance(step["kind"], str) and step["kind"] in KINDS, f"{where} is of no known kind")
    kind, numbers, shapes = KINDS[step["kind"]], step["numbers"], step["arrays"]
    where = f"{where}, {step['kind']!r},"
    for given, expected in ((numbers, kind.numbers), (shapes, kind.arrays)):
        _check(
            isinstance(given, dict) and given.keys() == expected.keys(), f"{where} has other parts"
        )
    for name, number in numbers.items():
        is_valid = _is_count(number, 0 if name == "same" else 1)
        if kind.numbers[name] is float:
            is_valid = type(number) in (int, float) and 0 < number < math.inf
        _check(is_valid, f"{where} has an invalid {name!r}")
    arrays = {}
    for name, shape in shapes.items():
        is_valid = isinstance(shape, list) and len(shape) == kind.arrays[name]
        _check(
            is_valid and all(map(_is_count, shape)), f"{where} has an invalid shape of {name!r}"
        )
        end = start + math.prod(shape)
        _check(end <= len(weights), f"{where} has more weights than there are")
        arrays[name] = weights[start:end].reshape(shape)
        start = end
    return Step(step["kind"], numbers, arrays), start


def _check_entries(plan: Plan) -> None:
    _check(_is_count(plan.n_pixels), "its plan has an invalid number of pixels")
    _check(type(plan.is_mirrored) is bool, "its plan has an invalid 'is_mirrored'")
    classes = plan.classes
    is_valid = isinstance(classes, list) and len(classes) > 1
    _check(
        is_valid and all(type(label) in (str, int, float, bool) for label in classes),
        "its plan has invalid classes",
    )
    _check(len(set(classes)) == len(classes), "its plan has a class twice")
    images = plan.images
    if images is None:
        return
    _check(isinstance(images, dict) and images.keys() == _IMAGE_ENTRIES, "its images are invalid")
    sides = (images["height"], images["width"])
    _check(all(map(_is_count, sides)), "its images have an invalid size")
    _check(math.prod(sides) == plan.n_pixels, "its images have another number of pixels")
    _check(images["resample"] in tuple(RESAMPLING), "its images are resized in no known way")
    background = images["background"]
    is_valid = background in ("white", "black", "auto") or (
        type(background) is int and 0 <= background <= 255
    )
    _check(is_valid, "its images have an invalid background")
    _check(_is_count(images["max_pixels"]), "its images have an invalid 'max_pixels'")


def _check_shapes(plan: Plan) -> None:
    """Follow the shape of one image's values through all steps."""
    shape: Shape = (plan.n_pixels,)
    is_probability = False
    for number, step in enumerate(plan.steps):
        where = f"step {number} of its plan, {step.kind!r}, does not fit the one before"
        is_end = step.kind in TO_PROBABILITIES
        _check(is_probability == (step.kind == "temperature"), where)
        is_probability = is_probability or is_end
        n_pixels = math.prod(shape)
        try:
            shape = shape_after(step, shape)
        except (ValueError, TypeError) as error:
            raise AuditError(where) from error
        _check(min(shape) >= 1, where)
        n_values = math.prod(shape)
        if step.kind == "patches":  # all patches of an image at once, and all responses to them
            n_filters, side, _ = step.arrays["filters"].shape
            n_values = n_pixels * (side**2 + n_filters)
        _check(n_values <= _MAX_VALUES, f"step {number} of its plan takes too much memory")
    is_valid = is_probability and shape == (len(plan.classes),)
    _check(is_valid, "its plan does not end with a probability for each class")
    first = plan.steps[0]
    if plan.is_mirrored:
        is_image = first.kind == "image" and math.prod(first.numbers.values()) == plan.n_pixels
        _check(is_image, "its plan mirrors what is no image")
