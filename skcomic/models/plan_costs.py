"""What a plan costs: shapes of the values after each step, bytes, multiply-adds."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from skcomic.features.gradients import count_blocks
from skcomic.models.plan import ENDS, Plan, Step

Shape = tuple[int, ...]

_FLOAT_BYTES = 4
# Steps that can write their values over those that they take.
_IN_PLACE = (
    "image", "affine", "standardise", "relu", "flatten", *ENDS
)  # fmt: skip


class PlanCosts(NamedTuple):
    """What it takes to compute a plan for one image.

    Parameters
    ----------
    weight_bytes : int
        Of all arrays, in float32.
    activation_bytes : int
        The largest number of bytes of float32 values that are needed at a time: those before and
        after a step, unless it can write over them; of a mirrored plan, also the image and the
        scores of its first half.
    multiply_adds : int
        Multiplications of weights, each with its addition. Histograms of gradients have no
        weights.
    """

    weight_bytes: int
    activation_bytes: int
    multiply_adds: int


def plan_costs(plan: Plan) -> PlanCosts:
    """Compute what a plan costs, without computing it for an image.

    Parameters
    ----------
    plan : Plan
        Of `make_plan`.

    Returns
    -------
    costs : PlanCosts
        For one image.

    Examples
    --------
    >>> import numpy as np
    >>> weights = {"weights": np.ones((9, 1), np.float32), "offset": np.ones(1, np.float32)}
    >>> steps = [Step("dense", {}, weights), Step("sigmoid", {}, {})]
    >>> plan_costs(Plan(None, 9, ["comics", "faces"], False, steps))
    PlanCosts(weight_bytes=40, activation_bytes=40, multiply_adds=9)
    """
    values = multiply_adds = 0
    before: Shape = (plan.n_pixels,)
    for step, after in iter_shapes(plan):
        n_values = math.prod(before), math.prod(after)
        values = max(values, max(n_values) if step.kind in _IN_PLACE else sum(n_values))
        multiply_adds += _count_multiply_adds(step, before, after)
        before = after
    if plan.is_mirrored:
        multiply_adds *= 2
        values += plan.n_pixels + len(plan.classes)
    n_weights = sum(array.size for step in plan.steps for array in step.arrays.values())
    return PlanCosts(_FLOAT_BYTES * n_weights, _FLOAT_BYTES * values, multiply_adds)


def iter_shapes(plan: Plan) -> Iterator[tuple[Step, Shape]]:
    """Follow the shape of one image's values through a plan.

    Parameters
    ----------
    plan : Plan
        Its steps fit each other.

    Yields
    ------
    step : Step
        Each step of the plan, in order.
    shape : tuple of int
        Of the values after it: (height, width, n_channels), or (n_features,).
    """
    shape: Shape = (plan.n_pixels,)
    for step in plan.steps:
        shape = shape_after(step, shape)
        yield step, shape


def _count_multiply_adds(step: Step, before: Shape, after: Shape) -> int:
    if step.kind == "dense":
        return step.arrays["weights"].size
    if step.kind == "convolution":
        return step.arrays["kernel"].size * math.prod(after[:-1])
    if step.kind == "patches":
        _, side, _ = step.arrays["filters"].shape
        return step.arrays["filters"].size * (before[0] - side + 1) * (before[1] - side + 1)
    return 0


def shape_after(step: Step, shape: Shape) -> Shape:
    """Return the shape of one image's values after a step.

    Parameters
    ----------
    step : Step
        One of a plan.
    shape : tuple of int
        Before it.

    Returns
    -------
    shape : tuple of int
        After it.

    Raises
    ------
    ValueError, TypeError
        If the step cannot be computed from values of this shape.
    """
    kind, numbers, arrays = step
    if kind == "image":
        (n_pixels,) = shape
        height, width = numbers["height"], numbers["width"]
        _fit(height * width >= n_pixels)
        return height, width, 1
    if kind in ("dense", "standardise", *ENDS):
        (n_features,) = shape
        if kind == "dense":
            n_inputs, n_outputs = arrays["weights"].shape
            _fit(n_inputs == n_features and len(arrays["offset"]) == n_outputs)
            return (n_outputs,)
        if kind == "standardise":
            _fit(len(arrays["mean"]) == len(arrays["scale"]) == n_features)
            _fit(bool(arrays["scale"].all()))
        if kind == "sigmoid":
            _fit(n_features == 1)
            return (2,)
        return shape
    if kind == "relu":
        return shape
    height, width, n_channels = shape
    if kind == "affine":
        _fit(len(arrays["scale"]) == len(arrays["offset"]) == n_channels)
        return shape
    if kind == "flatten":
        return (height * width * n_channels,)
    if kind == "convolution":
        down, across, n_inputs, n_outputs = arrays["kernel"].shape
        _fit(n_inputs == n_channels and len(arrays["offset"]) == n_outputs)
        _fit(numbers["same"] in (0, 1))
        if numbers["same"]:
            return height, width, n_outputs
        _fit(down <= height and across <= width)
        return height - down + 1, width - across + 1, n_outputs
    if kind in ("max_pooling", "average_pooling"):
        return height // numbers["side"], width // numbers["side"], n_channels
    _fit(n_channels == 1)
    if kind == "gradients":
        cell, block = numbers["cell_size"], numbers["block_size"]
        n_down, n_across = count_blocks((height, width), cell, block)
        _fit(min(n_down, n_across) >= 1)
        return (n_down * n_across * block**2 * numbers["orientations"],)
    n_filters, side, other_side = arrays["filters"].shape
    _fit(side == other_side and len(arrays["offsets"]) == n_filters)
    _fit(min(height, width) - side + 1 >= numbers["grid"])
    return (2 * n_filters * numbers["grid"] ** 2,)


def _fit(fits: bool) -> None:
    if not fits:
        raise ValueError
